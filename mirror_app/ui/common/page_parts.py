"""The parts of a page: the picture or the sheet of maps, the prediction, the input."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import streamlit as st

from mirror_app import engine, layers, live, render
from mirror_app.engine import PAGE, Prediction, Result
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import checked
from mirror_app.ui import store
from mirror_app.ui.appearance import inline
from mirror_app.ui.common import band_pictures, feature_maps, glossary, layer_facts
from mirror_app.ui.components import readout
from mirror_app.ui.state.background_runs import predicted_picture
from mirror_app.ui.state.session import Session
from mirror_app.visualisations import registry

BARS = 40
COLOURED = f"Grey is zero. {readout.HINT}"
READING = (
    "Raw values are the numbers before colouring. Scaling to the picture's size lowers narrow peaks a little, so the "
    "colour bar can end below the raw maximum. In a coloured picture on grey, red, green and blue show the numbers "
    "of these three, and grey is zero."
)
INTACT = (
    "Mirror works on a private copy that shares the model's weights. Unchanged: for this input the copy answers just "
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
    st.caption(summary, help=glossary.explained(summary))

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
        st.warning(literal(error_message(error)), icon=":material/info:")
    except Exception as error:
        st.error(error_message(error), icon=":material/error:")


def error_message(error: Exception) -> str:
    """Return the sentence that tells a failure; a defect of Mirror's own goes to the log whole."""
    if isinstance(error, MirrorError):
        return str(error)
    logging.getLogger("mirror_app").error("A picture failed.", exc_info=error)
    return "Something went wrong. Details are in the server log."


def show_images(request: Request, picture: Picture, result: Result) -> None:
    """Show what a request gives: one image large, many as a contact sheet in pages of 64, numbers as bars."""
    if result.raw.ndim == 2:
        _show_bars(request, result.raw[0])
        return
    first = store.sheet(request, result.raw, picture, 0, PAGE)
    if first.count == 1:
        _show_one(request, picture, result, first.png)
    else:
        feature_maps.show_sheet(request, picture, result, first.count)


def _show_one(request: Request, picture: Picture, result: Result, png: bytes) -> None:
    """Show one image large, with its numbers and what its colours mean, where they are no pixels."""
    entry = registry.get(request.visualisation)
    if entry.kind.is_iterative:
        inline.picture(png, "The visualisation", key="readout")
    else:
        evidence = result.raw[0] if result.raw.ndim == 3 else result.raw[0].sum(0)
        legend = engine.legend(request, result.raw, store.vmax(request, result.raw, picture))
        shown = checked(entry.params, dict(request.params)).get("show")
        hint = COLOURED if entry.kind.look is render.gradient and shown == "colour" else readout.HINT
        readout.image(png, evidence, "readout", alt="The visualisation", hint=hint, legend=legend)


def _show_bars(request: Request, values: np.ndarray) -> None:
    """Show the numbers that a layer gives, the largest first: with the names of the classes where it is the last."""
    classes = store.model(request.model, request.output).classes
    last = layers.outermost_like(layer_facts.tree(request.model), request.layer) == ""
    named = last and len(values) == len(classes)
    order = values.argsort()[::-1][:BARS]
    rows = [{"name": classes[n] if named else f"unit {n}", "value": float(values[n])} for n in order]
    height = 24 * len(rows) + 60
    st.bar_chart(rows, x="name", y="value", x_label="value", y_label="", horizontal=True, sort=False, height=height)
    if len(values) > BARS:
        st.caption(f"The {BARS} largest of {len(values):,}.")


def show_provenance(request: Request, model: Model, picture: Picture, result: Result, cached: bool) -> None:
    """Say below a picture what must be known of it, and in one line what it is: of what, its range, what it cost."""
    _show_note(result)
    entry = registry.get(request.visualisation)
    where = "every stage" if request.layer == layers.EVERY else f"`{request.layer or live.shown(request.model)}`"
    parts = [f"**{entry.name}**" + (f" at {where}" if entry.kind.uses_layer else "")]
    if "target_class" in result.info:
        number = result.info["target_class"][0]
        prediction = store.prediction(model, predicted_picture(request, result, model, picture))
        said = certainty(prediction, number)
        if said and entry.kind.is_iterative:
            is_probable = len(prediction.probabilities) > 0
            said = f"the model is {said} of it in this picture" if is_probable else f"{said} in this picture"
        parts.append(f"for *{literal(model.name_of(number))}*" + (f" ({said})" if said else ""))
    if "target" in result.info:
        parts.append(f"for *{literal(result.info['target'])}*")
    if model.untrained:
        parts.append("**untrained**: random weights")
    if "detail" in result.info:
        parts.append(result.info["detail"])
    parts.append(f"raw values {result.raw.min():.3g} to {result.raw.max():.3g}")
    parts.append("cached" if cached else f"computed in {result.seconds:.2f} s")
    deviation = store.prediction(model, picture).deviation
    intact, broken = ":green[:material/verified:] model unchanged", ":red[:material/warning:] see below"
    parts.append(broken if deviation else intact)
    with st.container(key="honesty"):
        st.caption(" · ".join(parts), help=f"{READING}\n\n{INTACT}")
    if deviation:
        st.warning(
            f"Mirror's private copy and the model give different answers, off by {deviation:.1e} of the largest "
            "output: the model is random, or contains something that cannot be copied.",
            icon=":material/warning:",
        )


def _show_note(result: Result) -> None:
    if note := note_of(result):
        st.info(literal(note), icon=":material/info:")


def note_of(result: Result) -> str:
    """Return what must be known to read a result's picture; '' where there is nothing."""
    silent = "All values are 0: this target does not respond to this input, nor to small changes of it."
    return str(result.info.get("note") or ("" if result.raw.any() else silent))


def show_input(model: Model, picture: Picture) -> None:
    """Show the picture itself, or as the model sees it; of bands, all of them or what stands for them."""
    if picture.exact is not None and picture.band_count:
        band_pictures.show(picture, picture.exact)
    else:
        _show_picture(model, picture)
    for note in picture.notes:
        st.caption(literal(note))


def _show_picture(model: Model, picture: Picture) -> None:
    view = st.segmented_control(
        "Show the input",
        ["Model input", "Original"],
        default="Model input",
        required=True,
        key="input-view",
        label_visibility="collapsed",
        persist_state="session",
    )
    original = view == "Original"
    inline.picture(store.input_png(model.name, picture.shown_id, original, picture), picture.name, key="input")
    model_input_rgb = store.model_input_rgb(model.name, picture.shown_id, picture)
    height, width = (picture.pixels if original else model_input_rgb).shape[:2]
    st.caption(f"{literal(picture.name)} · {width} × {height} pixels{_cut(model, picture, model_input_rgb, original)}")


def _cut(model: Model, picture: Picture, model_input_rgb: np.ndarray, original: bool) -> str:
    """Return what must be said of how the picture became the input."""
    if model.preprocessing.region(picture):
        return ": the model does not see what is pale" if original else ", resized and cut for the model"
    return "" if original or picture.pixels.shape == model_input_rgb.shape else ", resized for the model"


def certainty(prediction: Prediction, number: int) -> str:
    """Return how sure the model is of that class or label, or the number that it gives; "" where it gives none."""
    text = prediction.text(number)
    return f"{text} sure" if len(prediction.probabilities) and text else text
