"""Browser events that Streamlit does not handle: Back, choices in a narrow window's sidebar, clicks on help icons."""

from pathlib import Path
from urllib.parse import parse_qsl

from mirror_app.ui.components.from_folder import from_folder
from mirror_app.ui.state import session, widget_state

_component = from_folder(Path(__file__).parent)


def listen() -> None:
    """Handle these browser events on the page that calls this function.

    Going back within a page restores the view. In a narrow window, the sidebar closes after a choice in it. Clicking
    the help icon next to a switch does not toggle the switch.
    """
    _component(key=widget_state.WENT_BACK_TO.key, on_went_change=_restore)


def _restore() -> None:
    query = widget_state.WENT_BACK_TO.value
    if isinstance(query, str):  # a visitor can send anything
        session.go_to(dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)))
