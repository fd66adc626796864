"""The button that shares a page as a link."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

import streamlit as st

from mirror_app.images import Picture
from mirror_app.ui.state.session import Session


def share(session: Session, query: Mapping[str, str], pictures: Sequence[Picture]) -> None:
    """Offer a link to this page with `query`; if any of `pictures` was uploaded, say that links do not include it."""
    added_ids = {picture.id for picture in session.added_pictures}
    with st.popover("Share", icon=":material/share:", key="share"):
        is_local = urlsplit(st.context.url or "").hostname in ("localhost", "127.0.0.1", "::1")
        readers = "again, on this computer only" if is_local else "for others"
        st.caption(f"This link opens the same view {readers}.")
        if any(picture.id in added_ids for picture in pictures):
            st.caption(
                "Uploaded pictures are not included in the link. The ZIP file of “Download” includes them: whoever "
                "uploads it here sees the same view."
            )
        st.code(f"{st.context.url or ''}?{urlencode(query)}", language=None, wrap_lines=True)
