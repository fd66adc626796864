"""The dashboard: `streamlit run mirror_app/main.py`."""

import argparse
import sys
from pathlib import Path

import streamlit as st

from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import add_stylesheet

HERE = Path(__file__).resolve().parent
# The pages are next to the package in the repository, and inside it in a wheel.
PAGES = next(folder for folder in (HERE.parent / "pages", HERE / "pages") if folder.is_dir())

st.set_page_config(page_title="Mirror", page_icon=data_url((HERE / "ui" / "icon.png").read_bytes()), layout="wide")
st.logo(str(HERE / "ui" / "logo.svg"), size="medium")
explore = st.Page(PAGES / "explore.py", title="Explore", icon=":material/search:", default=True)
page = st.navigation(
    [
        explore,
        st.Page(PAGES / "compare.py", title="Compare", icon=":material/grid_view:"),
        st.Page(PAGES / "dream.py", title="Dream", icon=":material/bedtime:"),
        st.Page(PAGES / "architecture.py", title="Architecture", icon=":material/account_tree:"),
        st.Page(PAGES / "trust.py", title="Trust", icon=":material/verified:"),
        st.Page(PAGES / "guide.py", title="Guide", icon=":material/menu_book:"),
    ],
    position="top",
)

add_stylesheet("page")
status = st.empty()  # always present, so that nothing below it moves when it becomes empty
if "torch" not in sys.modules:
    with status.container():
        st.title("Mirror")
        st.markdown("Choose a model, a picture and a layer, and see what the network sees.")
        with st.spinner("Starting: the first import of PyTorch takes a few seconds.", show_time=True):
            import torch  # noqa: F401
    status.empty()

from mirror_app import live
from mirror_app.errors import MirrorError
from mirror_app.settings.file import use_settings_file
from mirror_app.ui.common import page_parts
from mirror_app.ui.components import browser
from mirror_app.ui.sidebar import selection
from mirror_app.ui.state import session

arguments = argparse.ArgumentParser()
arguments.add_argument("--settings", help="a file with the models to offer")
use_settings_file(arguments.parse_known_args()[0].settings)
live.restore_program()
browser.listen()
try:
    selection.draw(status, page.title.lower())
except MirrorError as error:
    status.error(page_parts.literal(str(error)), icon=":material/error:")
    st.stop()
if session.current().explore_next:
    session.current().explore_next = False
    st.switch_page(explore)
page.run()
