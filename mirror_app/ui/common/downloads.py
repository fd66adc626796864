"""Downloads of a picture: the image, a figure for a paper, its raw values, the code, or all of them."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from mirror_app import layers, live
from mirror_app.engine import Result
from mirror_app.export import package, paper, tables
from mirror_app.export.matrix import filename_part
from mirror_app.ui import store
from mirror_app.ui.common import code_panel, figure_dialog, page_parts
from mirror_app.ui.common.share import share
from mirror_app.ui.common.target_names import target_name
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.visualisations.core.info import Info


def show(session: Session, selection: Selection, result: Result) -> None:
    """Offer the files of the picture of a selection, and the Python code that computes it."""
    request, picture = selection.request, selection.picture
    row = st.container(horizontal=True)
    with row:
        share(session, request.to_query(), [picture])
    with row.popover("Download", icon=":material/download:", key="download"):
        _offer_files(session, selection, result)
    code_panel.show(session, selection)


def _offer_files(session: Session, selection: Selection, result: Result) -> None:
    request, picture, raw = selection.request, selection.picture, result.raw
    model_input_rgb = store.model_input_rgb(selection)
    name, info = stem(selection, result), _named(selection, result)
    if raw.ndim > 2:
        _offer(name, "Picture", ".png", "image/png", partial(package.full_sheet, request, raw, model_input_rgb))
        figure_dialog.offer(name, partial(_figure, selection, result))
    _offer(name, "Raw values", ".npy", "application/octet-stream", partial(package.npy, raw))
    arrays = partial(tables.npz, request, raw, info, model_input_rgb)
    _offer(name, "Raw values", ".npz", "application/zip", arrays, "For `numpy.load`: the raw values, the model's input "
           "as it is shown here, and the facts about the result, such as its target.")  # fmt: skip
    problem = tables.csv_problem(raw)
    _offer(name, "Raw values", ".csv", "text/csv", partial(tables.csv_table, raw), f"{problem}." if problem else
           "A table with one value in each line, after its position.", disabled=bool(problem))  # fmt: skip
    code = code_panel.request_code(session, selection, package.ORIGINAL)

    def all_files() -> bytes:
        # Until somebody downloads the files, this function holds the picture, but not its pixels.
        return package.package(request, raw, info, picture.pixels, model_input_rgb, code)

    _offer(name, "All files", ".zip", "application/zip", all_files)


def stem(selection: Selection, result: Result) -> str:
    """Return the file name of `result` without its ending: the method, the layer or target, and the filter."""
    number, layer = selection.filter_number, selection.request.layer.replace(layers.EVERY, "stages")
    where = layer if selection.entry.kind.uses_layer else target_name(selection, result)
    parts = [selection.entry.key, where, None if number is None else str(number)]
    return "-".join(filename_part(part) for part in parts if part)


def _offer(
    name: str,
    label: str,
    ending: str,
    mime: str,
    make: Callable[[], bytes],
    help_text: str | None = None,
    disabled: bool = False,
) -> None:
    """Offer a file, whose content `make` returns when it is downloaded."""
    st.download_button(
        f"{label} ({ending[1:].upper()})",
        make,
        f"{name}{ending}",
        mime,
        help=help_text,
        on_click="ignore",
        disabled=disabled,
        width="stretch",
    )


def _figure(selection: Selection, result: Result) -> tuple[paper.PaperFigure, str]:
    """Return the picture of a selection as a figure for a paper, and the text below it."""
    request, note = selection.request, page_parts.note_of(result)
    model_input_rgb, stages = store.model_input_rgb(selection), result.info.layers or ()
    figure = paper.figure_of_picture(request, result.raw, model_input_rgb, stages=stages, note=note)
    names = {"model": live.display_name(request.model), "picture": selection.picture.name}
    return figure, paper.caption_of_picture(request, **names, target=target_name(selection, result), note=note)


def _named(selection: Selection, result: Result) -> Info:
    """Return the info of a result, together with the name of the explained target."""
    name = target_name(selection, result)
    return result.info | {"target_name": name} if name else result.info
