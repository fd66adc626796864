"""A visitor without a browser: opens the page over its WebSocket, as the browser does, and times what comes."""

import math
import time
from dataclasses import dataclass
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

LARGE = 2**28


@dataclass(frozen=True)
class Run:
    """One run of the page's script: the seconds until its first picture came and until it was finished, its bytes."""

    picture: float
    seconds: float
    bytes: int


class Visitor:
    """One session of the dashboard at `url`; what large messages it has it need not be sent again."""

    def __init__(self, url: str) -> None:
        address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._socket = connect(address, subprotocols=[Subprotocol("streamlit")], max_size=LARGE, compression=None)
        self._held: list[str] = []
        self._switches: dict[str, str] = {}  # their ids, by what is written beside them

    def run(self, query: str = "", switch: str = "") -> Run:
        """Ask for a run of the script, where one is named with that switch on, and wait until it is finished."""
        message = BackMsg()
        message.rerun_script.query_string = query
        if switch:
            message.rerun_script.widget_states.widgets.add(id=self._switches[switch], bool_value=True)
        message.rerun_script.cached_message_hashes.extend(self._held)
        began = time.perf_counter()
        self._socket.send(message.SerializeToString())
        size, picture = 0, math.inf
        while True:
            received = self._socket.recv(timeout=120)
            assert isinstance(received, bytes)
            size += len(received)
            answer = ForwardMsg.FromString(received)
            if answer.metadata.cacheable:
                self._held.append(answer.hash)
            element = answer.delta.new_element
            if element.WhichOneof("type") == "imgs":
                picture = min(picture, time.perf_counter() - began)
            if element.WhichOneof("type") == "checkbox":
                self._switches[element.checkbox.label] = element.checkbox.id
            if answer.WhichOneof("type") == "script_finished":
                return Run(picture, time.perf_counter() - began, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
