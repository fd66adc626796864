"""Compresses the scripts and styles that Streamlit sends to browsers, which it sends as they are."""

import gzip
from asyncio import to_thread

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TYPES = ("text/javascript", "application/javascript", "text/css")
_LEVEL = 9  # a file is compressed once, so the slowest level costs nothing later


class Compression:
    """Middleware that compresses files whose name changes whenever their content does, each once.

    Streamlit marks these files as immutable. There are some hundred of them, so the compressed ones take two megabytes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and compress the response if it may be."""
        is_request = scope["type"] == "http" and scope["method"] == "GET"
        headers = Headers(scope=scope) if is_request else {}
        if "gzip" in headers.get("accept-encoding", "") and "range" not in headers:
            send = _Compressor(scope["path"], self._compressed, send).send
        await self._app(scope, receive, send)


class _Compressor:
    """Sends the messages of one response, compressed if it is an immutable script or style sheet."""

    def __init__(self, path: str, compressed: dict[str, bytes], send: Send) -> None:
        self._path = path
        self._compressed = compressed
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send a message of the response, or keep it until the whole file is there."""
        if message["type"] == "http.response.start" and _may_be_compressed(message):
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        if self._path not in self._compressed:
            self._compressed[self._path] = await to_thread(gzip.compress, self._body, _LEVEL, mtime=0)
        body = self._compressed[self._path]
        headers = MutableHeaders(scope=self._start)
        headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        headers.add_vary_header("Accept-Encoding")
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _may_be_compressed(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_text = headers.get("content-type", "").startswith(_TYPES)
    is_immutable = "immutable" in headers.get("cache-control", "")
    return start["status"] == 200 and is_text and is_immutable and "content-encoding" not in headers
