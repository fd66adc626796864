"""What goes on in this process: counters, gauges, and a line in the log for each view that a visitor opens."""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar
from weakref import ref

T = TypeVar("T")
LOG = logging.getLogger(__name__)
_guard = Lock()
_counters: defaultdict[str, float] = defaultdict(float)
_gauges: dict[str, tuple[ref[Any], Callable[[Any], float]]] = {}


def count(name: str, amount: float = 1) -> None:
    """Raise the counter of that name by `amount`."""
    with _guard:
        _counters[name] += amount


def counters() -> Mapping[str, float]:
    """Return the counters by name."""
    with _guard:
        return dict(_counters)


def add_gauge(name: str, owner: T, read: Callable[[T], float]) -> None:
    """Let `read` tell the current value of a gauge from its owner, as long as the owner lives."""
    _gauges[name] = ref(owner), read


def gauges() -> Mapping[str, float]:
    """Return the current values of the gauges by name."""
    living = [(name, owner(), read) for name, (owner, read) in list(_gauges.items())]
    return {name: read(owner) for name, owner, read in living if owner is not None}


def log(event: str, **fields: object) -> None:
    """Write an event to the log as a line of JSON, with the gauges. Fields never name a picture or a file."""
    if LOG.isEnabledFor(logging.INFO):
        LOG.info(json.dumps({"event": event, **fields, **gauges()}))
