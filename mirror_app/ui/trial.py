"""The parts of the trust page: three questions to a picture, each with its answer in figures and in words."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import evaluation, live, registry, render, trust
from mirror_app.engine import Result
from mirror_app.errors import MirrorError
from mirror_app.evaluation import Depth
from mirror_app.images import Picture
from mirror_app.request import Request
from mirror_app.trust import Curves
from mirror_app.ui import cache, views
from mirror_app.ui.cache import Meanwhile
from mirror_app.ui.inline import address

ALIKE = 0.5  # a rank correlation from which on two maps look much the same
LEAST = 0.0001  # of a share that is told exactly
CLEARLY = 0.01  # of an area
UNSURE = 0.1  # a probability below which there is little to take away
HEIGHT = 260  # pixels of a chart
LIKENESS = (
    "The rank correlation with the first picture: 1 is the same order of places, 0 none in common, -1 the opposite. "
    "Some likeness may remain by chance: a random network, too, makes its maps from the same picture."
)
_PIXELS = {"random": "random ones", "edges": "edges"}  # what is said of a base line's
_COLOURS: list[Any] = ["#7c4ddb", "#8f8ba3", "#d08b2c"]


def show_warning(request: Request) -> None:
    """Warn of a method that is known to ignore the model."""
    entry = registry.get(request.visualisation)
    if entry.kind.ignores_model(dict(request.params)):
        st.warning(
            f"{entry.name}, as it is set, is known to show the picture's edges more than the model's reasons (Adebayo "
            "et al. 2018, Nie et al. 2018): whatever the figures below say of this one picture, it is no explanation.",
            icon=":material/warning:",
        )


def show_curves(request: Request, picture: Picture, result: Result, meanwhile: Meanwhile) -> list[list[str]]:
    """Show whether the pixels of most evidence matter to the model.

    Return the base lines whose pixels matter as much: when they are taken away, and when they are given back.
    """
    st.markdown("#### Do its pixels matter to the model?")
    st.caption(
        "Pixels are taken away, those of most evidence first: the class should fade quickly. Then they come back into "
        "a blurred picture: the class should return quickly. Random numbers and the picture's edges are beside it; a "
        "method that does no better than these tells nothing of the model."
    )
    with st.container(key="trust-curves"):
        found = cache.curves(request, picture, result, meanwhile)
        unbeaten = []
        for place, part in zip(st.columns(2, gap="large"), ("deletion", "insertion"), strict=True):
            with place:
                unbeaten.append(_chart(found, part))
        sure = next(iter(found.values())).deletion[0]
        if sure < UNSURE:
            st.caption(
                f":material/info: The model gives this class {sure:.1%} to begin with, so that there is little to take "
                "away: the curves tell more of a class that it is sure of."
            )
    return unbeaten


def in_short(request: Request, unbeaten: Sequence[Sequence[str]], depends: bool) -> str:
    """Return what the first two answers say together."""
    entry = registry.get(request.visualisation)
    if entry.kind.ignores_model(dict(request.params)):
        return "**In short:** a picture of edges. Take Grad-CAM or LRP to explain the class."
    away, back = (
        f"no more than {' and '.join(_PIXELS[name] for name in names)}" if names else "more than random ones and edges"
        for names in unbeaten
    )
    first = f"matter {away}" + ("" if away == back else f" when taken away, and {back} when given back")
    second = "depends" if depends else "hardly depends"
    return f"**In short:** for this picture its pixels {first}, and it {second} on what the model has learned."


def _chart(found: dict[str, Curves], part: str) -> list[str]:
    """Show the curves of deletion, or of insertion; return those that the first is not clearly better than."""
    number = ("deletion", "insertion").index(part)
    curves = {name: getattr(curve, part).tolist() for name, curve in found.items()}
    shares = [step / trust.STEPS for step in range(trust.STEPS + 1)]
    table = {"share of pixels": shares, **curves}
    does = "Taken away" if part == "deletion" else "Given back"
    st.markdown(f"**{does}**: the class's probability")
    st.line_chart(table, x="share of pixels", y=list(curves), color=_COLOURS, height=HEIGHT)
    sign = 1 if part == "insertion" else -1
    own, *others = (sign * curve.areas[number] for curve in found.values())
    lines = dict(zip(list(found)[1:], others, strict=True))
    unbeaten = [name for name, other in lines.items() if own <= other + CLEARLY]
    told = " · ".join(f"{name} {curve.areas[number]:.3f}" for name, curve in found.items())
    below = [name for name in unbeaten if own < lines[name] - CLEARLY]
    short = f"Worse than {' and '.join(below)}." if below else f"Not clearly better than {' and '.join(unbeaten)}."
    verdict = f":orange[{short}]" if unbeaten else ":green[Clearly better than both.]"
    wanted = "little" if part == "deletion" else "much"
    st.caption(
        f"Area below: {told} ({wanted} is good). {verdict}",
        help="From 0 to 1: the mean probability over all shares of pixels (Petsiuk et al. 2018, «RISE»).",
    )
    return unbeaten


def show_shuffled(request: Request, picture: Picture, result: Result, meanwhile: Meanwhile) -> bool:
    """Show the picture beside those of models whose weights are shuffled from the top down, as they are done.

    Return whether it becomes another at some depth.
    """
    st.markdown("#### Does it depend on what the model has learned?")
    st.caption(
        "The weights are put in random order, more and more of them, from the last layer down: such a model knows less "
        "and less, so that the picture should become another. One that stays the same shows the input, not the model."
    )
    depths = evaluation.depths(cache.tree(request.model))
    first, *places = st.container(key="trust-shuffled").columns(len(depths) + 1, gap="small")
    own = cache.sheet(request, result.raw, picture, 0, 1).png
    _fill(first.empty(), own, f"**{views.literal(live.shown(request.model))}** as it is")
    slots = [place.empty() for place in places]
    for slot, depth in zip(slots, depths, strict=True):
        _fill(slot, _blank(request, picture), f"**…** · {_told(depth)}", LIKENESS)
    found: dict[str, float] = {}
    for slot, depth in zip(slots, depths, strict=True):
        try:
            other = cache.shuffled(request, picture, result, depth, meanwhile)
        except MirrorError as error:
            _fill(slot, _blank(request, picture), f"{_told(depth)}: {views.literal(str(error))}")
            continue
        found[depth.words] = trust.likeness(result, other)
        png = cache.sheet(request, other.raw, picture, 0, 1, of=depth.words).png
        _fill(slot, png, f"**{_signed(found[depth.words])}** · {_told(depth)}", LIKENESS)
    if cache.model(request.model).untrained:
        st.markdown("The model is untrained: nothing is learned that could get lost, so that this tells little here.")
    elif found:
        st.markdown(_verdict(found))
    return any(likeness < ALIKE for likeness in found.values())


def _fill(slot: DeltaGenerator, png: bytes, told: str, why: str | None = None) -> None:
    """Put a picture into a slot, and below it what it is of."""
    with slot.container():
        st.image(address(png), width="stretch", alt=told.replace("*", "").replace("\\", ""))
        st.caption(told, help=why)


def _told(depth: Depth) -> str:
    return f"{views.literal(depth.words)} shuffled"


def _blank(request: Request, picture: Picture) -> bytes:
    """Return an empty picture of the size of those that will come, so that nothing jumps when they do."""
    height, width = cache.seen(request.model, picture.id, picture).shape[:2]
    return render.png(np.full((height, width, 3), 128, np.uint8))


def _verdict(found: dict[str, float]) -> str:
    """Return in words from which depth on the picture is another."""
    kept = list(takewhile(lambda words: found[words] >= ALIKE, found))
    if len(kept) == len(found):
        return (
            ":orange[It stays much the same] however much is shuffled (rank correlation at least "
            f"{_signed(min(found.values()))}): it shows the input more than what the model has learned."
        )
    changed = list(found)[len(kept)]
    figure = f"(rank correlation {_signed(found[changed])})"
    if not kept:
        return (
            f":green[It changes as soon as the last layer is shuffled] {figure}: it depends on what that has learned."
        )
    return (
        f":orange[It stays much the same with {views.literal(kept[-1])} shuffled] and :green[changes with "
        f"{views.literal(changed)}] {figure}: it depends on the layers in between, and less on those above them."
    )


def _signed(correlation: float) -> str:
    return f"{correlation:+.2f}".replace("-", "−")


def show_axiom(request: Request, result: Result) -> None:
    """Say whether the shares of the pixels add up, where the method promises that."""
    st.markdown("#### Does it add up?")
    if "completeness" in result.info:
        missing = abs(result.info["completeness"][0])
        told = f"{missing:.2%}" if missing >= LEAST else f"less than {LEAST:.2%}"
        st.markdown(
            "The shares of all pixels should add up to what the class's logit gains between the baseline and the "
            f"picture. They miss it by **{told}** of that gain."
        )
    elif "conservation" in result.info:
        kept = result.info["conservation"][0]
        st.markdown(
            f"The relevance that arrives should be the logit that was handed down. **{kept:.1%}** of it arrives; "
            "biases, and what the rule absorbs, keep the rest."
        )
    else:
        st.markdown(
            "Integrated gradients and LRP are made to add up to the logit, and this is measured. For "
            f"{registry.get(request.visualisation).name} it is not: read its numbers as an order of places."
        )
