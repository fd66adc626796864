"""The live sessions of this process: each holds the models, inputs and visualisations of one call of `mirror`."""

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

MARK = "@"  # between a name and the id of the session that it belongs to


@dataclass(frozen=True)
class LiveSession:
    """The models, pictures and visualisations that one call of `mirror` shows.

    Attributes:
        session_id: The id of the session, which links append to the names of its models.
        models: The models, by their names in links.
        pictures: The inputs.
        entries: The visualisations on offer.

    Example:
        >>> from mirror_app.live import LiveSession
        >>> LiveSession("a1b2c3", models={}, pictures=[], entries=[]).custom_entries
        []
    """

    session_id: str
    models: Mapping[str, Model]
    pictures: Sequence[Picture]
    entries: Sequence[Entry]

    @property
    def custom_entries(self) -> list[Entry]:
        """The visualisations that only this session has."""
        return [entry for entry in self.entries if entry.key.endswith(MARK + self.session_id)]


_guard = Lock()  # a program may start and stop sessions in several threads while pages look theirs up
_sessions: dict[str, LiveSession] = {}
_program: ModuleType | None = None  # the module `__main__` of the program that called `mirror`


def keep_program() -> None:
    """Remember the module `__main__`, which each run of the page replaces.

    Example:
        >>> from mirror_app import live
        >>> live.keep_program()
        >>> live.restore_program()
    """
    global _program
    _program = sys.modules["__main__"]


def restore_program() -> None:
    """Put the remembered `__main__` back, because pickle looks up the program's classes in it.

    Example:
        >>> import sys
        >>> from mirror_app import live
        >>> live.keep_program()
        >>> program = sys.modules["__main__"]
        >>> live.restore_program()
        >>> sys.modules["__main__"] is program
        True
    """
    if _program:
        sys.modules["__main__"] = _program


def add(session: LiveSession) -> None:
    """Make the models and visualisations of a session available to links.

    Args:
        session: A session with a new id.

    Example:
        >>> from mirror_app import live
        >>> session = live.LiveSession("a1b2c3", models={}, pictures=[], entries=[])
        >>> live.add(session)
        >>> live.remove(session)
    """
    registry.register_temporary(session.custom_entries)
    with _guard:
        _sessions[session.session_id] = session


def remove(session: LiveSession) -> None:
    """Forget a session and release its models.

    Args:
        session: A session that was added.

    Example:
        >>> from mirror_app import live
        >>> session = live.LiveSession("a1b2c3", models={}, pictures=[], entries=[])
        >>> live.add(session)
        >>> live.remove(session)
        >>> live.display_name("ResNet@a1b2c3")
        'ResNet@a1b2c3'
    """
    with _guard:
        del _sessions[session.session_id]
    registry.unregister(session.custom_entries)


def link_name(name: str, session_id: str) -> str:
    """Return the name that a session's model or visualisation has in links.

    Args:
        name: The name in the program.
        session_id: The id of the session.

    Returns:
        The name and the id, joined by `MARK`.

    Example:
        >>> from mirror_app import live
        >>> live.link_name("ResNet", "a1b2c3")
        'ResNet@a1b2c3'
    """
    return f"{name}{MARK}{session_id}"


def display_name(name: str) -> str:
    """Return the name that a model or visualisation of a session has in the program.

    Args:
        name: A name in links.

    Returns:
        The name without the id of its session, or `name` itself if it ends with no session's id.

    Example:
        >>> from mirror_app import live
        >>> session = live.LiveSession("a1b2c3", models={}, pictures=[], entries=[])
        >>> live.add(session)
        >>> live.display_name("ResNet@a1b2c3")
        'ResNet'
        >>> live.remove(session)
    """
    plain_name, mark, session_id = name.rpartition(MARK)
    with _guard:
        return plain_name if mark and session_id in _sessions else name


def session_of(model_name: str) -> LiveSession | None:
    """Return the session that a model belongs to.

    Args:
        model_name: The model's name in links.

    Returns:
        The session, or None for the models of the catalogue.

    Example:
        >>> from mirror_app import live
        >>> live.session_of("shapes") is None
        True
    """
    with _guard:
        return next((session for session in _sessions.values() if model_name in session.models), None)


def latest() -> LiveSession | None:
    """Return the session that was added last.

    Returns:
        The session, or None if the program has none.

    Example:
        >>> from mirror_app import live
        >>> session = live.LiveSession("a1b2c3", models={}, pictures=[], entries=[])
        >>> live.add(session)
        >>> live.latest() is session
        True
        >>> live.remove(session)
        >>> live.latest() is None
        True
    """
    with _guard:
        return next(reversed(_sessions.values()), None)


def model(name: str) -> Model | None:
    """Return a live model.

    Args:
        name: The model's name in links.

    Returns:
        The model, or None for the models of the catalogue.

    Example:
        >>> from mirror_app import live
        >>> live.model("shapes") is None
        True
    """
    session = session_of(name)
    return session.models[name] if session else None


def revision(name: str) -> str:
    """Return a digest that changes when the program changes a live model.

    Args:
        name: The model's name in links.

    Returns:
        The digest of the model's structure and weights, or "" for the models of the catalogue.

    Example:
        >>> from mirror_app import live
        >>> live.revision("shapes")
        ''
    """
    live_model = model(name)
    if live_model is None:
        return ""
    state = Structure(live_model.module).ids(), fingerprint(live_model.module)
    return hashlib.sha1(repr(state).encode()).hexdigest()
