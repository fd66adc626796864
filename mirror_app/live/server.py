"""Streamlit in a thread of this process: it serves the page, and leaves signals, logging and other loops alone."""

import asyncio
import socket
import sys
import tomllib
from pathlib import Path
from threading import Thread

import streamlit as st
import uvicorn
from streamlit import config
from streamlit.runtime import Runtime

from mirror_app import live
from mirror_app.errors import MirrorError

HOST = "127.0.0.1"
NEXT = 100  # ports that are tried, from the one that is asked for
_HERE = Path(__file__).resolve().parents[1]
# In the repository the options stand beside the package; a wheel carries them inside it.
_OPTIONS = next(folder for folder in (_HERE.parent, _HERE) if (folder / ".streamlit").is_dir())


class Server:
    """The page at `url`, from now until `stop`; there can be one in a process."""

    def __init__(self, port: int) -> None:
        if Runtime.exists():
            raise MirrorError("Streamlit runs in this process already: start Mirror from a plain script or a notebook.")
        self._socket = _listening(port)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        live.keep_program()
        _configure()
        options = uvicorn.Config(
            st.App(_HERE / "main.py"),
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
                self._forget()
                raise MirrorError(f"The page cannot be served at {self.url}: the log says why.")

    def stop(self) -> None:
        """End the server and all that it holds: threads, sockets, models, results."""
        self._uvicorn.should_exit = True
        self._thread.join()
        self._forget()

    def _serve(self) -> None:
        async def serve() -> None:
            await self._uvicorn.serve(sockets=[self._socket])
            await Runtime.instance().stopped

        asyncio.run(serve())

    def _forget(self) -> None:
        self._socket.close()
        # Where no visitor came it was never imported, and outside of a page it would only warn of that.
        if cache := sys.modules.get("mirror_app.ui.store"):
            cache.close()
        Runtime._instance = None  # the next server needs one that has not been stopped
        live.restore_program()


def _listening(port: int) -> socket.socket:
    """Return a socket that listens at the first free port from `port` on; raise MirrorError."""
    for number in range(port, min(port + NEXT, 2**16)):
        try:
            return socket.create_server((HOST, number))
        except OSError:
            continue
    raise MirrorError(f"No port from {port} on is free: say another one, as in port={port + NEXT}.")


def _configure() -> None:
    """Set the options that the dashboard has from its own file, wherever this process was started."""
    text = (_OPTIONS / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    for section, options in tomllib.loads(text).items():
        for name, value in options.items():
            inner = value.items() if isinstance(value, dict) else [("", value)]
            for key, said in inner:
                config.set_option(".".join(filter(None, (section, name, key))), said)
    config.set_option("server.allowedHosts", [HOST, "localhost"])
    config.set_option("server.headless", True)
    # A notebook shows the page in a frame, where browsers keep the cookie back that this protection compares.
    config.set_option("server.enableXsrfProtection", False)
