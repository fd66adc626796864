"""Refuses a request."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

_POLICY = 1008  # the code of RFC 6455 for a message that a server does not accept


async def refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Answer a request with `response`; close a WebSocket, whose visitor sees no response."""
    if scope["type"] == "websocket":
        await WebSocketClose(_POLICY)(scope, receive, send)
    else:
        await response(scope, receive, send)
