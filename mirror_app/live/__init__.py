"""`mirror()`: the models and pictures of a running program, on the page."""

from mirror_app.live.sessions import (
    MARK,
    LiveSession,
    keep_program,
    model,
    named,
    put,
    remove,
    restore_program,
    revision,
    session_of,
    shown,
)

__all__ = [
    "MARK",
    "LiveSession",
    "keep_program",
    "model",
    "named",
    "put",
    "remove",
    "restore_program",
    "revision",
    "session_of",
    "shown",
]
