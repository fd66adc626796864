"""The frame of the dashboard: `streamlit run mirror_app/main.py`."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
# In the repository the pages stand beside the package; a wheel carries them inside it.
PAGES = next(folder for folder in (HERE.parent / "pages", HERE / "pages") if folder.is_dir())

# Streamlit leaves the height of a banner free above a page and above the sidebar.
STYLE = """<style>
    .stMainBlockContainer { padding-block: 3.75rem 2rem; }
    @media (min-width: 768px) { .stMainBlockContainer { padding-inline: 3rem; } }
    [data-testid="stSidebarHeader"] { height: 2.5rem; padding-block: 0.5rem 0; margin-bottom: 0; }
</style>"""

st.set_page_config(page_icon=str(HERE / "ui" / "icon.png"), layout="wide")
explore = st.Page(PAGES / "explore.py", title="Mirror", url_path="explore", default=True)
page = st.navigation([explore], position="hidden")

with st.spinner("Waking up: PyTorch takes a few seconds the first time."):
    from mirror_app.ui import sidebar

st.html(STYLE)
sidebar.draw()
page.run()
