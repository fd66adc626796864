"""A visitor without a browser: opens the page over its WebSocket, as the browser does, and times what comes."""

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
    """One run of the page's script: the seconds until it was finished, and the bytes that it sent."""

    seconds: float
    bytes: int


class Visitor:
    """One session of the dashboard at `url`; what large messages it has it need not be sent again."""

    def __init__(self, url: str) -> None:
        address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._socket = connect(address, subprotocols=[Subprotocol("streamlit")], max_size=LARGE, compression=None)
        self._held: list[str] = []

    def run(self, query: str = "") -> Run:
        """Ask for a run of the script with the widgets as they are, and wait until it is finished."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.cached_message_hashes.extend(self._held)
        began = time.perf_counter()
        self._socket.send(message.SerializeToString())
        size = 0
        while True:
            received = self._socket.recv(timeout=120)
            assert isinstance(received, bytes)
            size += len(received)
            answer = ForwardMsg.FromString(received)
            if answer.metadata.cacheable:
                self._held.append(answer.hash)
            if answer.WhichOneof("type") == "script_finished":
                return Run(time.perf_counter() - began, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
