"""Downloads of a picture: the image, its raw values, the code, or all of them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from mirror_app import layers, live
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.export.matrix import filename_part
from mirror_app.export.snippet import snippet
from mirror_app.images import Picture
from mirror_app.ui import store
from mirror_app.ui.common.share import share
from mirror_app.ui.state.background_runs import filter_of
from mirror_app.ui.state.session import Session
from mirror_app.visualisations import registry


def show(session: Session, picture: Picture, result: Result) -> None:
    """Offer the files of the picture of the session's request, and the Python code that computes it."""
    request = session.request
    model_input_rgb = store.model_input_rgb(request.model, picture.shown_id, picture)
    code = _code(session, picture, picture.name)
    name = stem(request, result)
    row = st.container(horizontal=True)
    with row:
        share(session, request.to_query(), [picture])
    with row.popover("Download", icon=":material/download:", key="download"):
        if result.raw.ndim > 2:
            _offer(
                name, "Picture", ".png", "image/png", partial(package.full_sheet, request, result.raw, model_input_rgb)
            )
        _offer(name, "Raw values", ".npy", "application/octet-stream", partial(package.npy, result.raw))
        content = _named(request, result), picture.pixels, model_input_rgb, _code(session, picture, package.ORIGINAL)
        _offer(name, "All files", ".zip", "application/zip", partial(package.package, request, result.raw, *content))
    if code:
        with st.expander("Show the code"):
            st.code(code, language="python")


def stem(request: Request, result: Result) -> str:
    """Return the file name of `result` without its ending: the method, the layer or target, and the filter."""
    info, number = _named(request, result), filter_of(request)
    uses_layer = registry.get(request.visualisation).kind.uses_layer
    where = request.layer.replace(layers.EVERY, "stages") if uses_layer else info.get("target_name", info.get("target"))
    parts = [request.visualisation, where, None if number is None else str(number)]
    return "-".join(filename_part(part) for part in parts if part)


def _offer(name: str, label: str, ending: str, mime: str, make: Callable[[], bytes]) -> None:
    """Offer a file, which `make` writes when it is downloaded."""
    st.download_button(
        f"{label} ({ending[1:].upper()})", make, f"{name}{ending}", mime, on_click="ignore", width="stretch"
    )


def _named(request: Request, result: Result) -> Mapping[str, Any]:
    """Return the info of a result, together with the name of the explained class."""
    if "target_class" not in result.info:
        return result.info
    model = store.model(request.model, request.output)
    return {**result.info, "target_name": model.name_of(result.info["target_class"][0])}


def _code(session: Session, picture: Picture, file: str) -> str:
    """Return the code that computes the picture, reading an uploaded one from `file`; '' for a live model."""
    if live.session_of(session.request.model) is not None:
        return ""
    return snippet(session.request, picture, file if picture in session.added_pictures else None)
