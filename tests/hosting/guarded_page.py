"""A page of a few lines behind the middleware: it shows when its shared and its own cached objects were made."""

import time

import streamlit as st
from streamlit import runtime

from mirror_app import hosting


@st.cache_resource(show_spinner=False)
def shared() -> int:
    return time.monotonic_ns()


def _released(_: object) -> None:
    print("A session has ended.", flush=True)


@st.cache_resource(scope="session", on_release=_released, show_spinner=False)
def own() -> int:
    return time.monotonic_ns()


if runtime.exists():
    own()
    st.text(str(shared()))
else:
    app = st.App(__file__, **hosting.guards())
