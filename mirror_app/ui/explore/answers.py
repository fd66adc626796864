"""The model's answer for a picture: classes, regions or boxes, of which the last two can be pointed at."""

import io
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image, ImageColor, ImageDraw

from mirror_app import render
from mirror_app.engine import Prediction
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.outputs import Box, Regions
from mirror_app.ui import store
from mirror_app.ui.appearance import inline
from mirror_app.ui.common import picking
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.components import readout
from mirror_app.ui.explore import output_kind_choice
from mirror_app.visualisations import registry

MOST_BOXES = 20
SHOWN = 5  # classes
COVER = 0.55  # how much the colour of a region covers the picture


def show(model: Model, picture: Picture) -> None:
    """Show the model's numbers, each to be asked about; else the regions or the boxes; else what it gives, in words."""
    try:
        said = store.prediction(model, picture)
    except MirrorError:
        output_kind_choice.offer_undo(model)
        raise
    st.markdown("**The model's answer**", help=f"Click a {model.kind.noun} to see the evidence for it.")
    if len(said.answers):
        _show_numbers(said, model)
        output_kind_choice.ask(said, model)
        return
    st.caption(
        f"No classes, but {literal(said.output_summary)}. Pick what you want explained, or type it as the target."
    )
    model_input_rgb = store.model_input_rgb(model.name, picture.shown_id, picture)
    if said.boxes:
        _show_boxes(said.boxes[:MOST_BOXES], model.labels, model_input_rgb)
    elif said.regions is not None:
        _show_regions(said.regions, model.labels, model_input_rgb)


def _show_numbers(said: Prediction, model: Model) -> None:
    """Show the most likely classes, or the first of several numbers, which have no order by size."""
    entry, count = picking.explaining(), len(said.answers)
    order = np.arange(count) if model.kind is OutputKind.NUMBERS else said.values.argsort()[::-1]
    with st.container(gap="xsmall"):
        for number in order[:SHOWN].tolist():
            _show_number(entry, number, model.name_of(number), said)


def _show_number(entry: registry.Entry | None, number: int, name: str, said: Prediction) -> None:
    """Show a number of the model under a button that lets `entry` explain it, and its probability as a bar."""
    with st.container(gap=None):
        st.button(
            f"{literal(name)} · {literal(said.text(number))}",
            key=f"ask-{number}",
            type="tertiary",
            width="stretch",
            help=f"Show the evidence for {literal(name)}.",
            on_click=picking.choose_class,
            args=(entry, number),
            disabled=entry is None,
        )
        if len(said.probabilities):
            st.progress(min(max(float(said.probabilities[number]), 0.0), 1.0))


def _show_regions(regions: Regions, labels: Sequence[str], model_input_rgb: np.ndarray) -> None:
    """Show the class of each place in a colour of its own; a place that is clicked on can be asked about."""
    numbers, counts = np.unique(regions.classes, return_counts=True)
    names = [_label(labels, number) for number in range(int(numbers.max()) + 1)]
    place = readout.image(
        _coloured(regions, model_input_rgb),
        regions.classes,
        "regions",
        alt="What the model sees where",
        hint="Click on a place to ask about it.",
        names=names,
        picks=True,
    )
    shares = sorted(zip(counts / counts.sum(), numbers, strict=True), reverse=True)[:SHOWN]
    st.caption(" · ".join(f"{literal(names[number])} {share:.0%}" for share, number in shares))
    if place:
        st.session_state.region = (regions.target(*place), names[regions.classes[place]])
    if asked := st.session_state.get("region"):
        picking.explain(asked[0], f"Explain {literal(asked[1])} here")


def _show_boxes(boxes: Sequence[Box], labels: Sequence[str], model_input_rgb: np.ndarray) -> None:
    """Show the boxes over the picture, and let one be asked about."""
    words = [f"{_label(labels, box.label)} {box.score:.0%}" for box in boxes]
    chosen = st.selectbox("Box", range(len(boxes)), format_func=lambda number: f"{number}: {words[number]}", key="box")
    inline.picture(_framed(boxes, chosen, model_input_rgb), "The boxes that the model found", key="boxes")
    picking.explain(boxes[chosen].target, f"Explain box {chosen}")


def _coloured(regions: Regions, model_input_rgb: np.ndarray) -> bytes:
    palette = np.array([_colour(number) for number in range(int(regions.classes.max()) + 1)], np.float32)
    height, width = model_input_rgb.shape[:2]
    classes = np.asarray(Image.fromarray(regions.classes).resize((width, height), Image.Resampling.NEAREST))
    cover = np.where(classes == 0, 0, COVER)[..., None]  # class 0 is the ground, by custom
    return render.png((model_input_rgb * (1 - cover) + palette[classes] * cover).astype(np.uint8))


def _framed(boxes: Sequence[Box], chosen: int, model_input_rgb: np.ndarray) -> bytes:
    picture = Image.fromarray(model_input_rgb)
    pen = ImageDraw.Draw(picture)
    for number, box in [*enumerate(boxes), (chosen, boxes[chosen])]:
        pen.rectangle(box.corners, outline=_colour(box.label), width=5 if number == chosen else 2)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _colour(number: int) -> tuple[int, ...]:
    """Return a colour for a class: neighbouring numbers lie far apart on the circle of hues."""
    return ImageColor.getrgb(f"hsl({number * 137 % 360}, 75%, 55%)")


def _label(labels: Sequence[str], number: int) -> str:
    return labels[number] if number < len(labels) else f"class {number}"
