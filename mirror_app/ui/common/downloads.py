"""Downloads of a picture: the image, its raw values, the code, or all of them."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from mirror_app import layers, live
from mirror_app.engine import Result
from mirror_app.export import package
from mirror_app.export.matrix import filename_part
from mirror_app.export.snippet import snippet
from mirror_app.ui import store
from mirror_app.ui.common.share import share
from mirror_app.ui.common.target_names import target_name
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.visualisations.core.info import Info


def show(session: Session, selection: Selection, result: Result) -> None:
    """Offer the files of the picture of a selection, and the Python code that computes it."""
    request, picture = selection.request, selection.picture
    model_input_rgb = store.model_input_rgb(selection)
    code = _code(session, selection, picture.name)
    name = stem(selection, result)
    row = st.container(horizontal=True)
    with row:
        share(session, request.to_query(), [picture])
    with row.popover("Download", icon=":material/download:", key="download"):
        if result.raw.ndim > 2:
            _offer(
                name, "Picture", ".png", "image/png", partial(package.full_sheet, request, result.raw, model_input_rgb)
            )
        _offer(name, "Raw values", ".npy", "application/octet-stream", partial(package.npy, result.raw))
        file_code = _code(session, selection, package.ORIGINAL)
        info = _named(selection, result)

        def all_files() -> bytes:
            # Until somebody downloads the files, this function holds the picture, but not its pixels.
            return package.package(request, result.raw, info, picture.pixels, model_input_rgb, file_code)

        _offer(name, "All files", ".zip", "application/zip", all_files)
    if code:
        shown = st.expander("Show the code", key="code", on_change="rerun")
        if shown.open:  # what colours code takes the browser a second to load, which a first picture need not wait for
            shown.code(code, language="python")


def stem(selection: Selection, result: Result) -> str:
    """Return the file name of `result` without its ending: the method, the layer or target, and the filter."""
    number, layer = selection.filter_number, selection.request.layer.replace(layers.EVERY, "stages")
    where = layer if selection.entry.kind.uses_layer else target_name(selection, result)
    parts = [selection.entry.key, where, None if number is None else str(number)]
    return "-".join(filename_part(part) for part in parts if part)


def _offer(name: str, label: str, ending: str, mime: str, make: Callable[[], bytes]) -> None:
    """Offer a file, whose content `make` returns when it is downloaded."""
    st.download_button(
        f"{label} ({ending[1:].upper()})", make, f"{name}{ending}", mime, on_click="ignore", width="stretch"
    )


def _named(selection: Selection, result: Result) -> Info:
    """Return the info of a result, together with the name of the explained target."""
    name = target_name(selection, result)
    return result.info | {"target_name": name} if name else result.info


def _code(session: Session, selection: Selection, file: str) -> str:
    """Return the code that computes the result, with an uploaded picture read from `file`; "" for a live model."""
    request, picture = selection.request, selection.picture
    if live.session_of(request.model) is not None:
        return ""
    return snippet(request, picture, file if picture in session.added_pictures else None)
