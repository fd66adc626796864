"""`mirror()` shows the models and pictures of a running program on the page."""

from mirror_app.live.sessions import (
    MARK,
    LiveSession,
    add,
    display_name,
    keep_program,
    latest,
    link_name,
    model,
    remove,
    restore_program,
    revision,
    session_of,
)

__all__ = [
    "MARK",
    "LiveSession",
    "add",
    "display_name",
    "keep_program",
    "latest",
    "link_name",
    "model",
    "remove",
    "restore_program",
    "revision",
    "session_of",
]
