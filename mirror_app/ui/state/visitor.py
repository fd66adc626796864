"""Who asks for a computation, so that visitors take turns."""

import secrets
from ipaddress import ip_interface

import streamlit as st

from mirror_app.ui.state import widget_state


def visitor() -> tuple[str, ...]:
    """Return the visitor's address, unless it is this machine, and a name of the visitor's session.

    Whoever has one IPv6 address usually has 2⁶⁴ of them, which share their first half, so only that half counts.
    """
    token = widget_state.VISITOR.setdefault(secrets.token_hex(8))
    address = st.context.ip_address
    return (str(ip_interface(f"{address}/64").network) if ":" in address else address, token) if address else (token,)
