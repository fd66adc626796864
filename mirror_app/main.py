"""The frame of the dashboard: `streamlit run mirror_app/main.py`."""

from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
# In the repository the pages stand beside the package; a wheel carries them inside it.
PAGES = next(folder for folder in (HERE.parent / "pages", HERE / "pages") if folder.is_dir())

st.set_page_config(page_icon=":material/visibility:", layout="wide")
explore = st.Page(PAGES / "explore.py", title="Mirror", url_path="explore", default=True)
page = st.navigation([explore], position="hidden")

with st.spinner("Waking up: PyTorch takes a few seconds the first time."):
    from mirror_app.ui import sidebar

sidebar.draw()
page.run()
