"""A visitor without a browser, who opens the page over its WebSocket and times what arrives."""

import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
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
        self._cached_hashes: list[str] = []
        self._switches: dict[str, str] = {}  # their ids, by their labels
        self.components: dict[str, None] = {}  # the ids of all of Mirror's own components so far

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
            if element.WhichOneof("type") == "bidi_component":
                self.components[element.bidi_component.id] = None
            if element.WhichOneof("type") == "checkbox":
                self._switches[element.checkbox.label] = element.checkbox.id
            if reply.WhichOneof("type") == "script_finished":
                return Run(picture, time.perf_counter() - started, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()
