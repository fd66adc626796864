"""The parts that pages share: headings, errors, the picture of a request, its caption, and the input."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import engine, layers
from mirror_app.engine import PAGE, Result
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.ui import store
from mirror_app.ui.appearance import inline
from mirror_app.ui.common import band_pictures, feature_maps, glossary, layer_facts, location
from mirror_app.ui.common.target_names import target_name
from mirror_app.ui.components import readout
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection
from mirror_app.ui.store.background_runs import predicted_picture

BARS = 40
READING = (
    "Raw values are the values before colouring. The colour bar ends slightly below the maximum because enlarging the "
    "map smooths narrow peaks. If values are shown in colour on a grey background, red, green and blue are the values "
    "of the three colour channels, and grey means zero."
)
UNCHANGED = (
    "Mirror works on a private copy that shares the model's weights. Model unchanged: for this input, the copy gives "
    "the same output as the model, and the model's weights, flags and hooks are the same as before."
)


def literal(text: str) -> str:
    """Escape `text` so that Markdown shows it as it is: file names and links may contain anything."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)  # Markdown accepts a backslash before ASCII only


def show_problems(session: Session) -> None:
    """Show the messages of the session once, in one box."""
    with st.container():  # even if empty, so that nothing below it moves
        bullet = "- " if len(session.problems) > 1 else ""
        if session.problems:
            messages = "\n".join(f"{bullet}{literal(problem)}" for problem in session.problems)
            st.error(messages, icon=":material/error:")
    session.problems.clear()


def heading(title: str, summary: str) -> Callable[[str], None]:
    """Show the title and summary of a page; return a function that shows a state, such as "Computing", beside them."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(title, width="content")
        show_state = state_badge(st.empty())
    st.caption(summary, help=glossary.explained(summary))
    return show_state


def state_badge(slot: DeltaGenerator) -> Callable[[str], None]:
    """Return a function that shows a state, such as "Predicting: 3 of 40", in a slot; "" shows nothing."""

    def show_state(state: str) -> None:
        if state:
            slot.badge(f"{state} …", icon=":material/progress_activity:", color="violet")
        else:
            slot.empty()

    return show_state


@contextmanager
def failures() -> Iterator[None]:
    """Show an error in place of the picture; an unexpected one is also logged."""
    try:
        yield
    except MirrorError as error:
        st.warning(literal(error_message(error)), icon=":material/info:")
    except Exception as error:
        st.error(error_message(error), icon=":material/error:")


def error_message(error: Exception) -> str:
    """Return the message of an expected error; log an unexpected one and return a general message."""
    if isinstance(error, MirrorError):
        return str(error)
    logging.getLogger("mirror_app").error("A picture could not be shown.", exc_info=error)
    return "Something went wrong. Details are in the server log."


def show_images(selection: Selection, result: Result) -> None:
    """Show a result: one image large, several as a contact sheet in pages of 64, numbers as bars."""
    if result.raw.ndim == 2:
        _show_bars(selection, result.raw[0])
        return
    first = store.sheet(selection, result.raw, 0, PAGE)
    if first.count == 1:
        _show_one(selection, result, first.png)
    else:
        feature_maps.show_sheet(selection, result, first.count)


def _show_one(selection: Selection, result: Result, png: bytes) -> None:
    """Show one large image, with its values and legend unless the image was generated."""
    entry = selection.entry
    if entry.kind.is_iterative:
        inline.picture(png, "The visualisation", key="readout")
    else:
        evidence = result.raw[0] if result.raw.ndim == 3 else result.raw[0].sum(0)
        legend = engine.legend(selection.request, result.raw, store.vmax(selection, result.raw))
        hint = f"{engine.hint(selection.request)} {readout.HINT}".strip()
        readout.image(png, evidence, "readout", alt="The visualisation", hint=hint, legend=legend)


def _show_bars(selection: Selection, values: np.ndarray) -> None:
    """Show the outputs of a layer, the largest first; outputs of the last layer have the names of the classes."""
    classes = selection.model.classes
    is_last = layers.outermost_like(layer_facts.tree(selection.request.model), selection.request.layer) == ""
    is_named = is_last and len(values) == len(classes)
    order = values.argsort()[::-1][:BARS]
    rows = [{"name": classes[n] if is_named else f"unit {n}", "value": float(values[n])} for n in order]
    height = 24 * len(rows) + 60
    st.bar_chart(rows, x="name", y="value", x_label="value", y_label="", horizontal=True, sort=False, height=height)
    if len(values) > BARS:
        st.caption(f"The {BARS} largest of {len(values):,}.")


def show_provenance(selection: Selection, result: Result, cached: bool) -> None:
    """Show the note of a result, and a caption: the method, layer and target, the raw range, and the time it took."""
    _show_note(result)
    entry, model = selection.entry, selection.model
    where = "every stage" if selection.request.layer == layers.EVERY else f"`{selection.layer_name}`"
    parts = [f"**{entry.name}**" + (f" at {where}" if entry.kind.uses_layer else "")]
    if result.info.target_class:
        number = result.info.target_class[0]
        prediction = store.prediction(model, predicted_picture(selection, result))
        score = prediction.text(number)
        if score and entry.kind.is_iterative:
            score = f"{score} in this picture"
        parts.append(f"for *{literal(model.name_of(number))}*" + (f" ({score})" if score else ""))
    if result.info.target:
        parts.append(f"for *{literal(target_name(selection, result))}*")
    if model.untrained:
        parts.append("**untrained**: random weights")
    if result.info.detail:
        parts.append(result.info.detail)
    parts.append(f"raw values {result.raw.min():.3g} to {result.raw.max():.3g}")
    parts.append("cached" if cached else f"computed in {result.seconds:.2f} s")
    deviation = store.prediction(model, selection.picture).deviation
    unchanged, deviating = ":green[:material/verified:] model unchanged", ":red[:material/warning:] see below"
    parts.append(deviating if deviation else unchanged)
    with st.container(key="honesty"):
        st.caption(" · ".join(parts), help=f"{READING}\n\n{UNCHANGED}")
    if deviation:
        st.warning(
            f"Mirror's private copy and the model give different outputs: they differ by {deviation:.1e} of the "
            "largest value. Either the model's answers vary from run to run, or a part of it "
            "cannot be copied.",
            icon=":material/warning:",
        )


def _show_note(result: Result) -> None:
    if note := note_of(result):
        st.info(literal(note), icon=":material/info:")


def note_of(result: Result) -> str:
    """Return the note that helps to read a result; '' if there is none."""
    has_target = bool(result.info.target or result.info.target_class)
    all_zero = f"All values are zero{': this target does not respond to this input' if has_target else ''}."
    return result.info.note or ("" if result.raw.any() else all_zero)


def show_input(selection: Selection) -> None:
    """Show the model input or the original picture; show a picture with bands in the chosen view."""
    picture = selection.picture
    if picture.exact is not None and picture.band_count:
        band_pictures.show(picture, picture.exact)
    else:
        _show_picture(selection)
    for note in picture.notes:
        st.caption(literal(note))


def _show_picture(selection: Selection) -> None:
    view = st.segmented_control(
        "Show the input",
        ["Model input", "Original"],
        default="Model input",
        required=True,
        key="input-view",
        label_visibility="collapsed",
        persist_state="session",
    )
    original, picture = view == "Original", selection.picture
    if location.parameter(selection.entry) and not original:
        location.show(selection)
    else:
        inline.picture(store.input_png(selection, original), picture.name, key="input")
    model_input_rgb = store.model_input_rgb(selection)
    height, width = (picture.stored if original else model_input_rgb).shape[:2]
    preprocessing = _preprocessing(selection.model, picture, model_input_rgb, original)
    st.caption(f"{literal(picture.name)} · {width} × {height} pixels{preprocessing}")


def _preprocessing(model: Model, picture: Picture, model_input_rgb: np.ndarray, original: bool) -> str:
    """Return how the picture was turned into the model input, as the end of a caption."""
    if model.preprocessing.region(picture):
        return ": the model does not see the pale area" if original else ", resized and cropped for the model"
    return "" if original or picture.stored.shape == model_input_rgb.shape else ", resized for the model"
