"""Drops messages to Streamlit's server that a visitor must not send.

Streamlit lets every visitor clear the caches of all visitors.
"""

import logging

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from mirror_app import activity

_ACCEPTED = {"rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "deferred_file"}
_MAX_BYTES = 2**20  # the messages of the pages have a few thousand
_log = logging.getLogger(__name__)


class Messages:
    """Middleware that passes on only the messages that Mirror's pages send."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; of a WebSocket, drop the messages that are not accepted."""

        async def receive_accepted() -> Message:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive" or _is_accepted(message.get("bytes") or b""):
                    return message

        await self._app(scope, receive_accepted if scope["type"] == "websocket" else receive, send)


def _is_accepted(data: bytes) -> bool:
    if len(data) > _MAX_BYTES:
        _log.warning("A message of %d bytes was dropped.", len(data))
        return False
    try:
        message = BackMsg.FromString(data)
    except DecodeError:
        return True  # Streamlit closes the connection
    kind = message.WhichOneof("type")
    if kind == "backend_operation_request":
        kind = message.backend_operation_request.WhichOneof("payload")
    if kind not in _ACCEPTED:
        activity.count("dropped_messages")
        _log.warning("A message of the kind %s was dropped.", kind)
    return kind in _ACCEPTED
