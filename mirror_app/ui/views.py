"""The parts of a page: the picture or the sheet of maps, the prediction, the input."""

import io
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import streamlit as st
import torch
from PIL import Image

from mirror_app import engine, layers, live, registry, render
from mirror_app.engine import PAGE, Result
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.request import Request
from mirror_app.ui import cache, pointing, readout, words
from mirror_app.ui.inline import address
from mirror_app.ui.session import Session
from mirror_app.ui.tiles import tiles

BARS = 40
INTACT = (
    "Mirror works on a private copy that shares the model's weights. Intact: for this input the copy answers exactly "
    "as the model does, and the model's weights, flags and hooks are what they were before."
)


def literal(text: str) -> str:
    """Return `text` such that Markdown shows it as it is: file names and links are not ours."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)  # ASCII only: Markdown shows a backslash before others


def show_problems(session: Session) -> None:
    """Show the sentences that wait, once."""
    with st.container():  # empty or not, so that what stands below keeps its place
        for problem in session.problems:
            st.error(literal(problem), icon=":material/error:")
    session.problems.clear()


def heading(title: str, summary: str) -> Callable[[str], None]:
    """Show what is shown below; return a function that says beside it, without a jump, how the work goes."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(title, width="content")
        place = st.empty()
    st.caption(summary, help=words.explained(summary))

    def say(state: str) -> None:
        if state:
            place.badge(f"{state} …", icon=":material/progress_activity:", color="violet")
        else:
            place.empty()

    return say


@contextmanager
def failures() -> Iterator[None]:
    """Show what goes wrong here where the picture would stand; a defect of Mirror's own goes to the log whole."""
    try:
        yield
    except MirrorError as error:
        st.warning(literal(reason(error)), icon=":material/info:")
    except Exception as error:
        st.error(reason(error), icon=":material/error:")


def reason(error: Exception) -> str:
    """Return the sentence that tells a failure; a defect of Mirror's own goes to the log whole."""
    if isinstance(error, MirrorError):
        return str(error)
    logging.getLogger("mirror_app").error("A picture failed.", exc_info=error)
    return "Mirror made a mistake here: whoever runs it finds the details in the log."


def show_images(request: Request, picture: Picture, result: Result) -> None:
    """Show what a request gives: one image large, many as a contact sheet in pages of 64, numbers as bars."""
    if result.raw.ndim == 2:
        _show_bars(request, result.raw[0])
        return
    first = cache.sheet(request, result.raw, picture, 0, PAGE)
    if first.count == 1:
        _show_one(request, picture, result, first.png)
    else:
        _show_sheet(request, picture, result, first.count)


def _show_one(request: Request, picture: Picture, result: Result, png: bytes) -> None:
    """Show one image large, with its numbers and what its colours mean, where they are no pixels."""
    if registry.get(request.visualisation).kind.of_steps:
        st.image(address(png), width="stretch", alt="The visualisation")
    else:
        evidence = result.raw[0] if result.raw.ndim == 3 else result.raw[0].sum(0)
        legend = engine.legend(request, result.raw, cache.peak(request, result.raw, picture))
        readout.image(png, evidence, "readout", alt="The visualisation", legend=legend)


def _show_bars(request: Request, values: np.ndarray) -> None:
    """Show the numbers that a layer gives, the largest first: with the names of the classes where it is the last."""
    classes = cache.model(request.model).classes
    last = layers.whole(cache.tree(request.model), request.layer) == ""
    named = last and len(values) == len(classes)
    order = values.argsort()[::-1][:BARS]
    rows = [{"name": classes[n] if named else f"unit {n}", "value": float(values[n])} for n in order]
    height = 24 * len(rows) + 60
    st.bar_chart(rows, x="name", y="value", x_label="value", y_label="", horizontal=True, sort=False, height=height)
    if len(values) > BARS:
        st.caption(f"The {BARS} largest of {len(values):,}.")


@st.fragment
def _show_sheet(request: Request, picture: Picture, result: Result, count: int) -> None:
    live.restore_program()  # a fragment runs without the frame of the page, which does it elsewhere
    pages = -(-count // PAGE)
    film = "layers" in result.info
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key, size = ("frame", 152) if film else ("tile", 72)
        width = st.slider("Size of the maps", 32, 240, size, 8, key=key, persist_state="session", width=170)
        page = st.pagination(pages, key=f"page.{request.layer}", width="stretch") if pages > 1 else 1
    first = (page - 1) * PAGE
    sheet = cache.sheet(request, result.raw, picture, first, PAGE)
    names = _names(request, result, count)[first : first + sheet.shown]
    picked = tiles(sheet.png, names, sheet.columns, width, key="maps", label="Feature maps", pixelated=not film)
    if picked is not None:
        _enlarge(request, picture, result, first + picked, count)


def _names(request: Request, result: Result, count: int) -> list[str]:
    """Return what the images of a result are called, in their order: by their layers, or by their numbers."""
    if dict(request.params).get("order") == render.ORDERS[1]:
        return [str(number) for number in render.strongest(torch.from_numpy(result.raw)).tolist()]
    names: list[str] = result.info.get("layers") or [str(number) for number in range(count)]
    return names


@st.dialog("One map", width="medium")
def _enlarge(request: Request, picture: Picture, result: Result, number: int, count: int) -> None:
    """Show one map large, with its figures."""
    one = Image.open(io.BytesIO(cache.sheet(request, result.raw, picture, number, 1).png))
    where = request.layer or live.shown(request.model)
    name = _names(request, result, count)[number]
    st.markdown(f"**{f'Map {name}' if name.isdigit() else name}** of `{where}`: {one.height} × {one.width}")
    channel = int(name) if name.isdigit() else number
    values = result.raw.reshape(count, *result.raw.shape[-2:])[channel]
    picks = registry.get(request.visualisation).kind.of_channels
    above = st.container()
    place = readout.image(
        _enlarged(one),
        values,
        "one-map",
        alt="The map",
        hint="Point at the map to read its numbers.",
        picks=picks,
    )
    if picks:
        with above:
            pointing.ask(f"{request.layer}:{channel}", place)
    figures = {
        "Minimum": values.min(),
        "Maximum": values.max(),
        "Mean": values.mean(),
        "Zeros": np.mean(values == 0),
    }
    for column, (name, figure) in zip(st.columns(4), figures.items(), strict=True):
        column.metric(name, f"{figure:.0%}" if name == "Zeros" else f"{figure:.3g}")


def _enlarged(map_: Image.Image) -> bytes:
    """Return a small map as a PNG file of about 512 pixels, each of its places a square."""
    cell = max(1, 512 // max(map_.size))
    file = io.BytesIO()
    map_.resize((map_.width * cell, map_.height * cell), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


def show_honesty(request: Request, model: Model, picture: Picture, result: Result, cached: bool) -> None:
    """Say in one line what the picture is: of what, its range, what it cost, and whether the model is intact."""
    entry = registry.get(request.visualisation)
    where = "every stage" if request.layer == layers.EVERY else f"`{request.layer or live.shown(request.model)}`"
    parts = [f"**{entry.name}**" + (f" at {where}" if entry.kind.of_layer else "")]
    if "target_class" in result.info:
        number = result.info["target_class"][0]
        sure = cache.prediction(model.name, picture).probabilities
        share = f" ({sure[number]:.1%} sure)" if number < len(sure) else ""
        parts.append(f"for *{literal(class_name(model, number))}*{share}")
    if "target" in result.info:
        parts.append(f"for *{literal(result.info['target'])}*")
    if model.untrained:
        parts.append("**untrained**: random weights")
    if "detail" in result.info:
        parts.append(result.info["detail"])
    parts.append(f"raw values {result.raw.min():.3g} to {result.raw.max():.3g}")
    parts.append("from the cache" if cached else f"computed in {result.seconds:.2f} s")
    deviation = cache.prediction(model.name, picture).deviation
    intact, broken = ":green[:material/verified:] model intact", ":red[:material/warning:] see below"
    parts.append(broken if deviation else intact)
    with st.container(key="honesty"):
        st.caption(" · ".join(parts), help=INTACT)
    if deviation:
        st.warning(
            f"The copy that was looked at answers otherwise than the model itself, by {deviation:.1e} of its largest "
            "number: the model is random, or holds something that cannot be copied.",
            icon=":material/warning:",
        )
    if note := note_of(result):
        st.info(literal(note), icon=":material/info:")


def note_of(result: Result) -> str:
    """Return what must be known to read a result's picture; «» where there is nothing."""
    silent = "Every number is 0: what is asked for is silent here, and no small change wakes it."
    return str(result.info.get("note") or ("" if result.raw.any() else silent))


def show_input(model: Model, picture: Picture) -> None:
    """Show the picture itself, or as the model sees it."""
    view = st.segmented_control(
        "Show the input",
        ["As the model sees it", "Original"],
        default="As the model sees it",
        required=True,
        key="input-view",
        label_visibility="collapsed",
        persist_state="session",
    )
    original = view == "Original"
    seen_by = "" if original else model.name
    png = cache.input_png(seen_by, picture.id, picture)
    st.image(address(png), width="stretch", alt=picture.name)
    height, width = (picture.pixels if original else cache.seen(model.name, picture.id, picture)).shape[:2]
    cut = "" if original or picture.pixels.shape[:2] == (height, width) else ", resized and cut for the model"
    st.caption(f"{literal(picture.name)} · {width} × {height} pixels{cut}")
    for note in picture.notes:
        st.caption(literal(note))


def class_name(model: Model, number: int) -> str:
    """Return what the class of that number is called."""
    return model.classes[number] if number < len(model.classes) else f"class {number}"
