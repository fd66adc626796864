"""Streamlit in a thread of this process; signal handlers, logging and other event loops are left alone."""

import asyncio
import os
import socket
import sys
from threading import Thread

import streamlit as st
import uvicorn
from streamlit import config
from streamlit.runtime import Runtime

from mirror_app import dashboard, hosting, live
from mirror_app.errors import MirrorError

HOST = "127.0.0.1"
PORTS_TRIED = 100  # how many ports are tried, starting with the requested one


class Server:
    """A server of the page at `url`, which runs until `stop`; a process can have only one."""

    def __init__(self, port: int) -> None:
        if Runtime.exists():
            raise MirrorError(
                "Streamlit is already running in this process.",
                culprit="Streamlit",
                hint="Start Mirror from a plain script or a notebook.",
            )
        self._socket = _listening_socket(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        live.keep_program()
        _configure()
        options = uvicorn.Config(
            st.App(dashboard.MAIN, **hosting.guards()),
            log_config=None,
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            ws_max_size=config.get_option("server.maxMessageSize") * 2**20,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(options)
        self._thread = Thread(target=self._serve, name="mirror", daemon=True)
        self._thread.start()
        while not self._uvicorn.started:
            self._thread.join(0.02)
            if not self._thread.is_alive():
                self._clean_up()
                problem = f"The page cannot be served at {self.url}."
                raise MirrorError(problem, culprit=self.url, hint="Details are in the log.")

    def stop(self) -> None:
        """Stop the server and release its threads, sockets, models and results."""
        self._uvicorn.should_exit = True
        self._thread.join()
        self._clean_up()

    def _serve(self) -> None:
        async def serve() -> None:
            await self._uvicorn.serve(sockets=[self._socket])
            await Runtime.instance().stopped

        asyncio.run(serve())

    def _clean_up(self) -> None:
        self._socket.close()
        # If no page was opened, the module was never imported. Importing it here would print a warning.
        if cache := sys.modules.get("mirror_app.ui.store"):
            cache.close()
        # A stopped runtime cannot start again, and Streamlit has no public way to let a process make another one.
        Runtime._instance = None
        live.restore_program()


def _listening_socket(port: int) -> socket.socket:
    """Return a socket that listens at the first free port, starting with `port`; raise MirrorError if none is free."""
    for number in range(port, min(port + PORTS_TRIED, 2**16)):
        try:
            return socket.create_server((HOST, number))
        except OSError:
            continue
    hint = f"Choose another, such as port={port + PORTS_TRIED}."
    raise MirrorError(f"No port from {port} upwards is free.", culprit=str(port), accepted="a free port", hint=hint)


def _configure() -> None:
    """Apply the dashboard's options, whatever the working directory."""
    for name, value in dashboard.options().items():
        config.set_option(name, value)
    # Streamlit reads this variable only when its own command starts the server. A proxy in front may have other names.
    names = os.environ.get("STREAMLIT_SERVER_ALLOWED_HOSTS", "").split()
    config.set_option("server.allowedHosts", [HOST, "localhost", *names])
    config.set_option("server.headless", True)
    # Notebooks show the page in a frame, where browsers withhold the cookie that this protection needs.
    config.set_option("server.enableXsrfProtection", False)
