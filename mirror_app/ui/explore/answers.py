"""The model's prediction for a picture: classes, regions or boxes, each of which can be explained."""

import io
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image, ImageColor, ImageDraw

from mirror_app import render, targets
from mirror_app.engine import Prediction
from mirror_app.errors import MirrorError
from mirror_app.models import Model
from mirror_app.params import TARGET
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.outputs import Box, Regions
from mirror_app.ui import store
from mirror_app.ui.appearance import inline
from mirror_app.ui.common import picking
from mirror_app.ui.common.page_parts import literal
from mirror_app.ui.components import readout
from mirror_app.ui.components.reported import rectangle_within
from mirror_app.ui.explore import answer_row, output_kind_choice, words
from mirror_app.ui.explore.answer_row import Answer
from mirror_app.ui.state import widget_state
from mirror_app.ui.store import Selection

MAX_BOXES = 20
SHOWN = 5  # the largest number of classes, numbers or regions in a list
OPACITY = 0.55  # opacity of the colours of regions, which are drawn over the picture


def show(selection: Selection) -> None:
    """Show the model's prediction: classes, numbers, boxes or regions, or a summary of other outputs."""
    model = selection.model
    try:
        prediction = store.prediction(model, selection.picture)
    except MirrorError:
        output_kind_choice.offer_undo(model)
        raise
    st.markdown("**Prediction**", help=f"Click a {model.kind.noun} to see the evidence for it.")
    if model.text_encoder is not None:
        words.show(selection)
    words.offer_pictures(selection)
    if len(prediction.answers):
        _show_numbers(prediction, selection)
        output_kind_choice.show(prediction, model)
        return
    if prediction.boxes:
        advice = "Select a box below, or enter a target in the sidebar."
    elif prediction.regions is not None:
        advice = "Click a location below, or enter a target in the sidebar."
    else:
        advice = "Enter a target in the sidebar."
    summary = literal(prediction.output_summary)
    st.caption(f"The model does not give one score per class. Its outputs are: {summary}. {advice}")
    model_input_rgb = store.model_input_rgb(selection)
    if prediction.boxes:
        _show_boxes(prediction.boxes[:MAX_BOXES], model.labels, model_input_rgb)
    elif prediction.regions is not None:
        _show_regions(prediction.regions, model.labels, model_input_rgb)


def _show_numbers(prediction: Prediction, selection: Selection) -> None:
    """Show the most likely classes, or the first outputs of a regression, which have no ranking, and the target."""
    entry, model, count = picking.explaining_entry(selection.entry), selection.model, len(prediction.answers)
    order = np.arange(count) if model.kind is OutputKind.NUMBERS else prediction.values.argsort()[::-1]
    shown = [*order[:SHOWN].tolist(), *_chosen_classes(selection, count)]
    ranks = {int(number): rank for rank, number in enumerate(order, 1)}
    answers = {number: _answer(number, ranks[number], prediction, model) for number in dict.fromkeys(shown)}
    first = answers[int(order[0])] if len(prediction.probabilities) else None
    with st.container(gap="xsmall"):
        for answer in answers.values():
            answer_row.show(answer, entry, None if answer is first else first)


def _answer(number: int, rank: int, prediction: Prediction, model: Model) -> Answer:
    name, probabilities = model.name_of(number), prediction.probabilities
    text = f"{name} · {prediction.text(number)}" + (f" · rank {rank:,}" if rank > SHOWN else "")
    return Answer(str(number), name, number, text, float(probabilities[number]) if len(probabilities) else None)


def _chosen_classes(selection: Selection, count: int) -> list[int]:
    """Return the classes that the target names, of which the model has `count`."""
    target = targets.from_value(selection.values.get(TARGET))
    named = (target.channel, target.minus) if target.is_class_score else ()
    return [number for number in named if number is not None and number < count]


def _show_regions(regions: Regions, labels: Sequence[str], model_input_rgb: np.ndarray) -> None:
    """Show the predicted class of each location as a colour; a clicked location can be explained."""
    numbers, counts = np.unique(regions.classes, return_counts=True)
    names = [_label(labels, number) for number in range(int(numbers.max()) + 1)]
    clicked_cell = readout.image(
        _with_regions(regions, model_input_rgb),
        regions.classes,
        "regions",
        alt="The predicted regions",
        hint="Click a location to explain it, or draw a rectangle.",
        names=names,
        picks=True,
        on_draw=partial(_take_rectangle, regions, names),
    )
    shares = sorted(zip(counts / counts.sum(), numbers, strict=True), reverse=True)[:SHOWN]
    st.caption(" · ".join(f"{literal(names[number])} {share:.0%}" for share, number in shares))
    if clicked_cell:
        widget_state.CLICKED_REGION.value = regions.target(*clicked_cell), names[regions.classes[clicked_cell]]
    if region := widget_state.CLICKED_REGION.value:
        target, name = region
        parsed = targets.parse(target)
        where = "in this rectangle" if parsed.rectangle else "here"
        whole = regions.target_of_all(parsed.channel or 0)
        picking.offer_targets({f"Explain {literal(name)} {where}": target, f"Explain all of {literal(name)}": whole})


def _take_rectangle(regions: Regions, names: Sequence[str]) -> None:
    """Take the rectangle that was drawn. A callback of the picture."""
    rows, columns = regions.classes.shape
    rectangle = rectangle_within(rows, columns, widget_state.DRAWN_REGION.value)
    if rectangle:
        target = regions.target_in(*rectangle)
        widget_state.CLICKED_REGION.value = target, names[targets.parse(target).channel or 0]


def _show_boxes(boxes: Sequence[Box], labels: Sequence[str], model_input_rgb: np.ndarray) -> None:
    """Show the boxes over the picture, with the choice of one to explain."""
    captions = [f"{_label(labels, box.label)} {box.score:.0%}" for box in boxes]
    chosen = st.selectbox(
        "Box", range(len(boxes)), format_func=lambda number: f"{number}: {captions[number]}", key="box"
    )
    inline.picture(_framed(boxes, chosen, model_input_rgb), "The detected boxes", key="boxes")
    picking.offer_targets({f"Explain box {chosen}": boxes[chosen].target})


def _with_regions(regions: Regions, model_input_rgb: np.ndarray) -> bytes:
    palette = np.array([_colour(number) for number in range(int(regions.classes.max()) + 1)], np.float32)
    height, width = model_input_rgb.shape[:2]
    classes = np.asarray(Image.fromarray(regions.classes).resize((width, height), Image.Resampling.NEAREST))
    opacity = np.where(classes == 0, 0, OPACITY)[..., None]  # class 0 is the background, by convention
    return render.png((model_input_rgb * (1 - opacity) + palette[classes] * opacity).astype(np.uint8))


def _framed(boxes: Sequence[Box], chosen: int, model_input_rgb: np.ndarray) -> bytes:
    picture = Image.fromarray(model_input_rgb)
    pen = ImageDraw.Draw(picture)
    for number, box in [*enumerate(boxes), (chosen, boxes[chosen])]:
        pen.rectangle(box.corners, outline=_colour(box.label), width=5 if number == chosen else 2)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _colour(number: int) -> tuple[int, ...]:
    """Return the colour of a class, whose hue differs strongly from that of the next class."""
    return ImageColor.getrgb(f"hsl({number * 137 % 360}, 75%, 55%)")


def _label(labels: Sequence[str], number: int) -> str:
    return labels[number] if number < len(labels) else f"class {number}"
