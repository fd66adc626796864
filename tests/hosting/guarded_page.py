"""A page of a few lines behind the middleware: it shows when its shared object was made, and the server's process."""

import os
import time

import streamlit as st
from streamlit import runtime

from mirror_app import hosting


@st.cache_resource(show_spinner=False)
def shared() -> int:
    return time.monotonic_ns()


if runtime.exists():
    st.text(f"{shared()} {os.getpid()}")
else:
    app = st.App(__file__, **hosting.guards())
