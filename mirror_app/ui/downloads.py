"""What a visitor takes home of a picture: the image, the raw numbers, the code, or all of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from mirror_app import files, live
from mirror_app.engine import Result
from mirror_app.images import Picture
from mirror_app.request import Request
from mirror_app.snippet import snippet
from mirror_app.ui import cache, views
from mirror_app.ui.session import Session
from mirror_app.ui.share import share


def show(session: Session, picture: Picture, result: Result) -> None:
    """Offer the files of the picture that the session's request gave, and the lines of Python that make it."""
    request = session.request
    seen = cache.seen(request.model, picture.id, picture)
    code = _code(session, picture)
    row = st.container(horizontal=True)
    with row:
        share(session, request.to_query(), [picture])
    with row.popover("Download", icon=":material/download:", key="download"):
        if result.raw.ndim > 2:
            _offer(request, "Picture", ".png", "image/png", partial(files.whole, request, result.raw, seen))
        _offer(request, "Raw numbers", ".npy", "application/octet-stream", partial(files.npy, result.raw))
        everything = partial(files.package, request, result.raw, _named(request, result), seen, code)
        _offer(request, "Everything", ".zip", "application/zip", everything)
    if code:
        with st.expander("Show the code"):
            st.code(code, language="python")


def _offer(request: Request, label: str, ending: str, mime: str, made: Callable[[], bytes]) -> None:
    """Offer a file that is made when it is asked for."""
    name = "-".join(part for part in (request.visualisation, request.layer) if part).replace("*", "stages")
    st.download_button(f"{label} ({ending})", made, f"{name}{ending}", mime, on_click="ignore", width="stretch")


def _named(request: Request, result: Result) -> dict[str, Any]:
    """Return what there is to say of a result, the class that was asked about by its name too."""
    if "target_class" not in result.info:
        return result.info
    return {**result.info, "target_name": views.class_name(cache.model(request.model), result.info["target_class"][0])}


def _code(session: Session, picture: Picture) -> str:
    """Return the lines that make the picture; what lives in a person's own program has none."""
    if live.stage_of(session.request.model) is not None:
        return ""
    return snippet(session.request, picture, bundled=picture not in session.own)
