"""What a Python session shows: its own models, inputs and visualisations, live, under an id that ends their names."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from types import ModuleType

from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.probe import Structure, fingerprint
from mirror_app.visualisations import registry
from mirror_app.visualisations.registry import Entry

MARK = "@"  # between a name and the id of its session


@dataclass(frozen=True)
class LiveSession:
    """What one call of `mirror` shows: models by their name in a link, pictures, and the visualisations on offer."""

    session_id: str
    models: Mapping[str, Model]
    pictures: Sequence[Picture]
    entries: Sequence[Entry]

    @property
    def custom_entries(self) -> list[Entry]:
        """The visualisations that this session alone has."""
        return [entry for entry in self.entries if entry.key.endswith(MARK + self.session_id)]


_guard = Lock()  # a program may start and stop sessions in several threads, while pages look for theirs
_sessions: dict[str, LiveSession] = {}
_program: list[ModuleType] = []


def keep_program() -> None:
    """Remember the program that runs now: each run of the page takes its place as `__main__`."""
    _program[:] = [sys.modules["__main__"]]


def restore_program() -> None:
    """Put the program back into its place: what it pickles is looked for there."""
    if _program:
        sys.modules["__main__"] = _program[0]


def add(session: LiveSession) -> None:
    """Let links that name a model of `session` find it."""
    registry.register_temporary(session.custom_entries)
    with _guard:
        _sessions[session.session_id] = session


def remove(session: LiveSession) -> None:
    """Forget `session`, and hold its models no longer."""
    with _guard:
        del _sessions[session.session_id]
    registry.unregister(session.custom_entries)


def link_name(name: str, session_id: str) -> str:
    """Return the name in a link of what a Python session calls `name`."""
    return f"{name}{MARK}{session_id}"


def display_name(name: str) -> str:
    """Return a name in a link as a person is shown it."""
    plain, mark, session_id = name.rpartition(MARK)
    with _guard:
        return plain if mark and session_id in _sessions else name


def session_of(model_name: str) -> LiveSession | None:
    """Return the session that shows the model of that name in a link; None for the models of the catalogue."""
    with _guard:
        return next((session for session in _sessions.values() if model_name in session.models), None)


def model(name: str) -> Model | None:
    """Return the live model of that name in a link, None where there is none."""
    session = session_of(name)
    return session.models[name] if session else None


def revision(name: str) -> str:
    """Return a text that changes with the live model of that name, and "" for the models of the catalogue."""
    found = model(name)
    if found is None:
        return ""
    state = Structure(found.module).ids(), fingerprint(found.module)
    return hashlib.sha1(repr(state).encode()).hexdigest()
