"""Bounds how many pages are open at once, and ends the sessions of visitors who left."""

import asyncio
import math

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime

from mirror_app import activity
from mirror_app.hosting.limits import current_limits
from mirror_app.hosting.refusal import refuse

# Seconds after which a browser tries again. If a visitor of a full server reloads the page, the old page takes up a
# place until the browser has closed it, so the reload is refused at first.
_RETRY = 5
_FULL = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{_RETRY}">
<title>Mirror</title>
<style>
body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto; padding: 0 1.5rem;
  color: #221d33 }}
@media (prefers-color-scheme: dark) {{ body {{ background: #15131d; color: #ece9f5 }} }}
</style>
</head>
<body><h1>Mirror is full</h1><p>This server has reached its limit of open pages.
This page tries again every {_RETRY} seconds.</p></body>
</html>
"""


class Visitors:
    """Middleware that counts the open pages. Beyond the limit, it answers that the server is full.

    Whoever reconnects to a session that waits for its visitor is always let in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0
        self._leaving: dict[str, asyncio.TimerHandle] = {}  # the ends of the sessions that wait for their visitors
        activity.add_gauge("open_pages", self, lambda visitors: visitors._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that the server is full."""
        if (
            _opens_page(scope)
            and self._open >= current_limits().visitors
            and _earlier_session(scope) not in self._leaving
        ):
            activity.count("refused_visits")
            response = HTMLResponse(_FULL, status_code=503, headers={"Retry-After": str(_RETRY)})
            await refuse(scope, receive, send, response)
        elif scope["type"] == "websocket":
            await self._visit(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _visit(self, scope: Scope, receive: Receive, send: Send) -> None:
        session_id = ""

        async def send_and_look(message: Message) -> None:
            nonlocal session_id
            if not session_id and message["type"] == "websocket.send":
                session_id = _session_in(ForwardMsg.FromString(message["bytes"]))
                self._stay(session_id)
            await send(message)

        self._open += 1
        activity.count("visits")
        try:
            await self._app(scope, receive, send_and_look)
        finally:
            self._open -= 1
            if session_id:
                self._leave(session_id)

    def _stay(self, session_id: str) -> None:
        if timer := self._leaving.pop(session_id, None):
            timer.cancel()

    def _leave(self, session_id: str) -> None:
        """End a session if its visitor does not come back. Streamlit ends it only when somebody comes or leaves."""
        self._stay(session_id)
        seconds = math.floor(0.95 * config.get_option("server.disconnectedSessionTTL"))
        self._leaving[session_id] = asyncio.get_running_loop().call_later(seconds, self._end, session_id)

    def _end(self, session_id: str) -> None:
        del self._leaving[session_id]
        if Runtime.exists() and not Runtime.instance().is_active_session(session_id):
            Runtime.instance().close_session(session_id)


def _opens_page(scope: Scope) -> bool:
    if scope["type"] == "http":
        return "text/html" in Headers(scope=scope).get("accept", "")
    return bool(scope["type"] == "websocket")


def _earlier_session(scope: Scope) -> str:
    """Return the session that a WebSocket asks to resume, or "". Streamlit's pages send it as the third subprotocol."""
    return [*scope.get("subprotocols", ()), "", "", ""][2]


def _session_in(message: ForwardMsg) -> str:
    """Return the id of the session that a message tells, if it tells one."""
    for urls in message.file_urls_response.file_urls:
        return urls.upload_url.split("/")[-2]
    return message.new_session.initialize.session_id
