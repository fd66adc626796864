"""Browser events that Streamlit does not handle: Back, and the sidebar of a narrow window."""

from pathlib import Path
from urllib.parse import parse_qsl

from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.state import session, widget_state

_component = from_folder(Path(__file__).parent)


def listen() -> None:
    """Restore the view when the visitor goes back within a page; on phones, close the sidebar after a choice."""
    _component(key=widget_state.WENT_BACK_TO.key, on_went_change=_restore)


def _restore() -> None:
    session.go_to(dict(parse_qsl(widget_state.WENT_BACK_TO.value.removeprefix("?"), keep_blank_values=True)))
