"""Bounds how much of what a visitor uploads is held at once. Streamlit bounds only the size of one file."""

import re

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.runtime import Runtime

from mirror_app import activity
from mirror_app.hosting.limits import current_limits

_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)$")
_FORM_BYTES = 2**20  # what a form may add to its file
_LEAST_BYTES = 4096  # what even an empty file takes


class Uploads:
    """Middleware that refuses an upload if the session's files that are not read yet would take too much memory.

    A page removes a file as soon as it has read it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._stored: dict[str, set[str]] = {}  # the ids of files, by session
        self._arriving: dict[object, tuple[str, int]] = {}  # the sessions and the bytes of files
        # A form beyond this size would be written to the system's folder for temporary files.
        MultiPartParser.spool_max_size = config.get_option("server.maxUploadSize") * 2**20 + _FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse the upload."""
        upload = _UPLOAD.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if upload is None:
            await self._app(scope, receive, send)
            return
        session_id, file_id = upload.groups()
        size, held = _size(Headers(scope=scope)), self._held()
        limits = current_limits()
        if (
            held.get(session_id, 0) + size > limits.upload_megabytes * 2**20
            or sum(held.values()) + size > limits.all_upload_megabytes * 2**20
        ):
            activity.count("refused_uploads")
            problem = "Too many files were uploaded at once.\n"
            await _read_away(receive, size)
            await PlainTextResponse(problem, status_code=413)(scope, receive, send)
            return
        upload_key = object()  # several uploads of one file may arrive at once
        self._arriving[upload_key] = session_id, size
        try:
            await self._app(scope, receive, send)
        finally:
            del self._arriving[upload_key]
            self._stored.setdefault(session_id, set()).add(file_id)

    def _held(self) -> dict[str, int]:
        """Return the bytes that the files of each session take, and forget the files that are gone."""
        manager = Runtime.instance().uploaded_file_mgr
        stored = {each: manager.get_files(each, list(files)) for each, files in self._stored.items()}
        self._stored = {each: {file.file_id for file in files} for each, files in stored.items() if files}
        held = {each: sum(max(len(file.data), _LEAST_BYTES) for file in files) for each, files in stored.items()}
        for each, size in self._arriving.values():
            held[each] = held.get(each, 0) + size
        return held


async def _read_away(receive: Receive, size: int) -> None:
    """Read and discard a request's body, at most `size` bytes; otherwise, the browser would not read the answer."""
    left, more = size, True
    while more and left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        more = message.get("more_body", False)


def _size(headers: Headers) -> int:
    """Return the size of an upload in bytes; if the request does not state it, the largest size that is allowed."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else config.get_option("server.maxUploadSize") * 2**20
