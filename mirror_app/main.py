"""The frame of the dashboard: `streamlit run mirror_app/main.py`."""

import argparse
import os
import sys
from pathlib import Path

import streamlit as st

from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.appearance.style import style

HERE = Path(__file__).resolve().parent
# In the repository the pages stand beside the package; a wheel carries them inside it.
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

arguments = argparse.ArgumentParser()
arguments.add_argument("--settings", help="the file in which the owner names models")
if chosen := arguments.parse_known_args()[0].settings:
    os.environ["MIRROR_SETTINGS"] = chosen

style("page")
place = st.empty()  # always there, so that nothing below it moves when what it shows has gone
if "torch" not in sys.modules:
    with place.container():
        st.title("Mirror")
        st.markdown("Pick a model, a picture and a layer, and see what the network sees.")
        with st.spinner("Waking up: PyTorch takes a few seconds the first time.", show_time=True):
            import torch  # noqa: F401
    place.empty()

from mirror_app import live
from mirror_app.errors import MirrorError
from mirror_app.ui.common import page_parts
from mirror_app.ui.components import browser
from mirror_app.ui.sidebar import selection
from mirror_app.ui.state import session

live.restore_program()
browser.listen()
try:
    selection.draw(place, page.title.lower())
except MirrorError as error:
    place.error(page_parts.literal(str(error)), icon=":material/error:")
    st.stop()
if session.current().explore_next:
    session.current().explore_next = False
    st.switch_page(explore)
page.run()
