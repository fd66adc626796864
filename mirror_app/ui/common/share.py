"""The link to what a page shows, for others."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from mirror_app.images import Picture
from mirror_app.ui.state.session import Session


def share(session: Session, query: Mapping[str, str], pictures: Sequence[Picture]) -> None:
    """Offer the link to this page with `query`, which shows `pictures`; those of the visitor's own stay behind."""
    own = {picture.id for picture in session.added_pictures}
    with st.popover("Share", icon=":material/share:", key="share"):
        st.caption("This link opens the same view for others.")
        if any(picture.id in own for picture in pictures):
            st.caption("Pictures of your own do not travel with it: others see the view without them.")
        st.code(f"{st.context.url or ''}?{urlencode(query)}", language=None, wrap_lines=True)
