"""Browser events that Streamlit does not handle: Back, choices in a narrow window's sidebar, presses on help icons."""

from pathlib import Path
from urllib.parse import parse_qsl

from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.state import session, widget_state

_component = from_folder(Path(__file__).parent)


def listen() -> None:
    """Handle those events on the page that calls this.

    Going back within a page restores the view. In a narrow window, the sidebar closes after a choice in it. A press on
    the help icon of a switch does not turn the switch.
    """
    _component(key=widget_state.WENT_BACK_TO.key, on_went_change=_restore)


def _restore() -> None:
    session.go_to(dict(parse_qsl(widget_state.WENT_BACK_TO.value.removeprefix("?"), keep_blank_values=True)))
