"""Who asks for a computation, so that visitors take turns."""

import secrets

import streamlit as st

from mirror_app.ui.state import widget_state


def visitor() -> tuple[str, ...]:
    """Return the visitor's address, unless it is this machine, and a name of the visitor's session."""
    token = widget_state.VISITOR.setdefault(secrets.token_hex(8))
    address = st.context.ip_address
    return (address, token) if address else (token,)
