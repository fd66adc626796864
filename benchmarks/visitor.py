"""A visitor without a browser, who opens the page over its WebSocket and times what arrives."""

import math
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

MAX_MESSAGE = 2**28  # bytes
INTERNAL_PREFIX = "$$STREAMLIT_INTERNAL_KEY"  # of the ids under which components report events


@dataclass(frozen=True)
class Run:
    """One run of the page's script: the seconds until its first picture and until its end, and the bytes received."""

    picture: float
    seconds: float
    bytes: int


class Visitor:
    """A session of the dashboard at `url`, which caches large messages as a browser does."""

    def __init__(self, url: str) -> None:
        websocket_url = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._exit = ExitStack()
        self._socket = self._exit.enter_context(
            connect(websocket_url, subprotocols=[Subprotocol("streamlit")], max_size=MAX_MESSAGE, compression=None)
        )
        self._url = url
        self._cached_hashes: list[str] = []
        self._switches: dict[str, str] = {}  # their ids, by their labels
        self.uploader = ""  # the id of the widget that takes files, if there is one
        self.components: dict[str, None] = {}  # the ids of all of Mirror's own components so far
        self.session = ""  # the id of the session
        self.sentences: list[str] = []  # the boxes with messages in the last run

    def run(self, query: str = "", switch: str = "", reports: Mapping[str, str] = MappingProxyType({})) -> Run:
        """Run the script once and wait until it has finished.

        Args:
            query: The query of the page's address.
            switch: The label of a switch that is turned on.
            reports: What components report, as JSON, by their ids.
        """
        message = BackMsg()
        for component, report in reports.items():
            message.rerun_script.widget_states.widgets.add(id=component, json_value=report)
            trigger = f"{INTERNAL_PREFIX}_{component}__events"
            message.rerun_script.widget_states.widgets.add(id=trigger, json_trigger_value=report)
        message.rerun_script.query_string = query
        if switch:
            message.rerun_script.widget_states.widgets.add(id=self._switches[switch], bool_value=True)
        return self._rerun(message)

    def upload(self, files: Mapping[str, bytes]) -> tuple[list[int], Run]:
        """Upload files, by name, as the page's own widget does; return the status of each upload, and the run after."""
        message, statuses = BackMsg(), []
        state = message.rerun_script.widget_states.widgets.add(id=self.uploader).file_uploader_state_value
        for number, (name, content) in enumerate(files.items()):
            urls = self._urls(name)
            statuses.append(self.put(urls.upload_url, name, content))
            if statuses[number] < 400:
                state.uploaded_file_info.add(name=name, size=len(content), file_id=urls.file_id, file_urls=urls)
        return statuses, self._rerun(message)

    def send(self, message: BackMsg) -> None:
        """Send any message, without waiting for an answer."""
        self._socket.send(message.SerializeToString())

    def _urls(self, name: str) -> FileURLs:
        request = BackMsg()
        request.file_urls_request.request_id = name
        request.file_urls_request.file_names.append(name)
        request.file_urls_request.session_id = self.session
        self._socket.send(request.SerializeToString())
        while True:
            reply = self._receive()[0]
            if reply.WhichOneof("type") == "file_urls_response":
                return reply.file_urls_response.file_urls[0]

    def put(self, path: str, name: str, content: bytes) -> int:
        """Upload a file to `path` and return the status of the answer."""
        with urllib.request.urlopen(f"{self._url}/_stcore/health") as response:
            cookie = response.headers["Set-Cookie"].partition(";")[0]
        form = b'--x\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n' % name.encode()
        form += content + b"\r\n--x--\r\n"
        headers = {
            "Content-Type": "multipart/form-data; boundary=x",
            "Cookie": cookie,
            "X-Xsrftoken": cookie.partition("=")[2],
        }
        request = urllib.request.Request(f"{self._url}/{path.lstrip('/')}", form, headers, method="PUT")
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    def _receive(self) -> tuple[ForwardMsg, int]:
        received = self._socket.recv(timeout=120)
        assert isinstance(received, bytes)
        return ForwardMsg.FromString(received), len(received)

    def _rerun(self, message: BackMsg) -> Run:
        message.rerun_script.cached_message_hashes.extend(self._cached_hashes)
        self.sentences.clear()
        started = time.perf_counter()
        self._socket.send(message.SerializeToString())
        total, picture = 0, math.inf
        while True:
            reply, size = self._receive()
            total += size
            if reply.metadata.cacheable:
                self._cached_hashes.append(reply.hash)
            if reply.delta.new_element.WhichOneof("type") == "imgs":
                picture = min(picture, time.perf_counter() - started)
            self._remember(reply)
            if reply.WhichOneof("type") == "script_finished":
                return Run(picture, time.perf_counter() - started, total)

    def _remember(self, reply: ForwardMsg) -> None:
        element = reply.delta.new_element
        match element.WhichOneof("type"):
            case "bidi_component":
                self.components[element.bidi_component.id] = None
            case "checkbox":
                self._switches[element.checkbox.label] = element.checkbox.id
            case "file_uploader":
                self.uploader = element.file_uploader.id
            case "alert":
                self.sentences.append(element.alert.body)
        if reply.WhichOneof("type") == "new_session":
            self.session = reply.new_session.initialize.session_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()
