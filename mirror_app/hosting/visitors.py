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

_RETRY = 20  # seconds after which a browser tries again
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
    """Middleware that counts the open pages. Beyond the limit, it answers that the server is full."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0
        activity.add_gauge("open_pages", lambda: self._open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer that the server is full."""
        if _opens_page(scope) and self._open >= current_limits().visitors:
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
                session_id = ForwardMsg.FromString(message["bytes"]).new_session.initialize.session_id
            await send(message)

        self._open += 1
        activity.count("visits")
        try:
            await self._app(scope, receive, send_and_look)
        finally:
            self._open -= 1
            if session_id:
                _end_later(session_id)


def _opens_page(scope: Scope) -> bool:
    if scope["type"] == "http":
        return "text/html" in Headers(scope=scope).get("accept", "")
    return bool(scope["type"] == "websocket")


def _end_later(session_id: str) -> None:
    """End a session whose visitor does not come back. Streamlit forgets it only when somebody else comes or leaves."""
    seconds = math.floor(0.95 * config.get_option("server.disconnectedSessionTTL"))
    asyncio.get_running_loop().call_later(seconds, _end, session_id)


def _end(session_id: str) -> None:
    if Runtime.exists() and not Runtime.instance().is_active_session(session_id):
        Runtime.instance().close_session(session_id)
