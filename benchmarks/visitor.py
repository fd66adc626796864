"""A visitor without a browser, who opens the page over its WebSocket and times what arrives."""

import math
import time
from dataclasses import dataclass
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

MAX_MESSAGE = 2**28  # bytes


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
        self._socket = connect(
            websocket_url, subprotocols=[Subprotocol("streamlit")], max_size=MAX_MESSAGE, compression=None
        )
        self._cached_hashes: list[str] = []
        self._switches: dict[str, str] = {}  # their ids, by their labels

    def run(self, query: str = "", switch: str = "") -> Run:
        """Run the script once, with the switch of that label on if one is given, and wait until it has finished."""
        message = BackMsg()
        message.rerun_script.query_string = query
        if switch:
            message.rerun_script.widget_states.widgets.add(id=self._switches[switch], bool_value=True)
        message.rerun_script.cached_message_hashes.extend(self._cached_hashes)
        started = time.perf_counter()
        self._socket.send(message.SerializeToString())
        size, picture = 0, math.inf
        while True:
            received = self._socket.recv(timeout=120)
            assert isinstance(received, bytes)
            size += len(received)
            reply = ForwardMsg.FromString(received)
            if reply.metadata.cacheable:
                self._cached_hashes.append(reply.hash)
            element = reply.delta.new_element
            if element.WhichOneof("type") == "imgs":
                picture = min(picture, time.perf_counter() - started)
            if element.WhichOneof("type") == "checkbox":
                self._switches[element.checkbox.label] = element.checkbox.id
            if reply.WhichOneof("type") == "script_finished":
                return Run(picture, time.perf_counter() - started, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
