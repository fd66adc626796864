"""The frame of every page: its title, the sidebar, and the way to the other pages."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import streamlit as st

from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import add_stylesheet

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.navigation.page import StreamlitPage

_APP = Path(__file__).resolve().parents[1]
# The pages are next to the package in the repository, and inside it in a wheel.
_PAGES = next(folder for folder in (_APP.parent / "pages", _APP / "pages") if folder.is_dir())
_has_started = Event()


def start() -> None:
    """Import what the pages need, including PyTorch, which takes seconds."""
    import_module("mirror_app.ui.sidebar.selection")
    _has_started.set()


def draw() -> None:
    """Draw the page that the visitor has opened."""
    st.set_page_config(page_title="Mirror", page_icon=data_url((_APP / "ui" / "icon.png").read_bytes()), layout="wide")
    st.logo(str(_APP / "ui" / "logo.svg"), size="medium")
    pages = [
        st.Page(_PAGES / "explore.py", title="Explore", icon=":material/search:", default=True),
        st.Page(_PAGES / "compare.py", title="Compare", icon=":material/grid_view:"),
        st.Page(_PAGES / "gallery.py", title="Gallery", icon=":material/photo_library:"),
        st.Page(_PAGES / "dream.py", title="Dream", icon=":material/bedtime:"),
        st.Page(_PAGES / "architecture.py", title="Architecture", icon=":material/account_tree:"),
        st.Page(_PAGES / "trust.py", title="Trust", icon=":material/verified:"),
        st.Page(_PAGES / "guide.py", title="Guide", icon=":material/menu_book:"),
    ]
    page = st.navigation(pages, position="top")
    add_stylesheet("page")
    status = st.empty()  # always present, so that nothing below it moves when it becomes empty
    if not _has_started.is_set():
        with status.container():
            st.title("Mirror")
            st.markdown("Choose a model, a picture and a layer, and see what the network sees.")
            with st.spinner("Starting: the first import of PyTorch takes a few seconds.", show_time=True):
                start()
        status.empty()
    _draw_page(page, pages, status)


def _draw_page(page: "StreamlitPage", pages: Sequence["StreamlitPage"], status: "DeltaGenerator") -> None:
    from mirror_app import live
    from mirror_app.errors import MirrorError
    from mirror_app.ui.common import page_parts, uploads
    from mirror_app.ui.components import browser
    from mirror_app.ui.sidebar import selection
    from mirror_app.ui.state import session

    live.restore_program()
    browser.listen()
    uploads.read(session.current(), status)
    try:
        selection.draw(status, page.title.lower())
    except MirrorError as error:
        status.error(page_parts.literal(str(error)), icon=":material/error:")
        st.stop()
    if title := session.current().next_page:
        session.current().next_page = ""
        st.switch_page(next(each for each in pages if each.title == title))
    try:
        page.run()
    except MirrorError as error:  # such as a picture that cannot be decoded again
        st.error(page_parts.literal(str(error)), icon=":material/error:")
