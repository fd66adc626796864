"""The parts of the trust page: three tests of a picture, each with its answer in figures and in words."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import evaluation, live, render
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.evaluation import Depth, verdict
from mirror_app.evaluation.verdict import Curves, Removal
from mirror_app.images import Picture
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.store import OnProgress
from mirror_app.ui.trust import verdicts
from mirror_app.ui.trust.verdicts import Answer
from mirror_app.visualisations import registry
from mirror_app.visualisations.registry import Entry

LEAST = 0.0001  # of a share that is told exactly
UNSURE = 0.1  # a probability below which there is little to take away
OWN = "This method"  # in a legend, where a long name would lie over the next; capitals come first there
HEIGHT = 260  # pixels of a chart
NO_PROBABILITY = (
    "Deletion and insertion measure how a probability falls and rises. This model gives a number and no probability: "
    "without a scale from 0 to 1, only the test below says something here."
)
OFFERED = ("grad-cam", "lrp", "integrated-gradients")  # where what is chosen cannot be tested
_RISE = "From 0 to 1: the mean probability over all shares of pixels (Petsiuk et al. 2018, “RISE”)."
_PAPERS = {
    Removal.DELETION: _RISE,
    Removal.INSERTION: _RISE,
    Removal.ROAD: "From -1 to 1: the mean of what is left without the pixels of least evidence, minus what is left "
    "without those of most (Rong et al. 2022, “ROAD”).",
}
_DRAWN = {
    Removal.DELETION: "the probability",
    Removal.INSERTION: "the probability",
    Removal.ROAD: "least minus most",
}
LIKENESS = (
    "The rank correlation with the first picture: 1 means the same order of places, 0 no relation, -1 the opposite "
    "order, which is the same picture inverted. Some similarity may remain by chance: even a random network makes "
    "its maps from the same picture."
)


def offer_others(entry: Entry, entries: Sequence[Entry]) -> None:
    """Say that what is chosen cannot be tested, and let some that can be be chosen on the spot."""
    st.info(
        f"{page_parts.literal(entry.name)} does not say how much each place speaks for a class, so there is nothing to "
        "test. Pictures that do say it can be tested.",
        icon=":material/info:",
    )
    fit = [other for other in entries if verdict.is_attribution(other)]
    fit.sort(key=lambda other: OFFERED.index(other.key) if other.key in OFFERED else len(OFFERED))
    with st.container(horizontal=True):
        for other in fit[: len(OFFERED)]:
            st.button(
                f"Test {page_parts.literal(other.name)}",
                key=f"test {other.key}",
                icon=":material/verified:",
                on_click=_choose,
                args=(other,),
            )


def _choose(entry: Entry) -> None:
    st.session_state.visualisation, st.session_state.everywhere = entry.key, False


def show_warning(entry: Entry) -> None:
    """Warn of a method that is known to ignore the model, in place of a verdict."""
    st.warning(
        f"**In short:** this is not an explanation. As set here, {page_parts.literal(entry.name)} is known to show the "
        "picture's edges more than the model's reasons (Adebayo et al. 2018, Nie et al. 2018), whatever the figures "
        "below say of this one picture. Take plain Grad-CAM or LRP instead.",
        icon=":material/warning:",
    )


def show_subject(request: Request, picture: Picture, result: Result, on_progress: OnProgress) -> int:
    """Say of what, for what and where; return the number of the class."""
    model = store.model(request.model, request.output)
    prediction = store.prediction(model, picture, on_progress)
    target = verdict.target_of(request, result, prediction)
    named, noun = page_parts.literal(model.name_of(target)), model.kind.noun
    parts = [
        f"Of {page_parts.literal(picture.name)}",
        f"for the {noun} *{named}* ({prediction.text(target)})",
    ]
    if registry.get(request.visualisation).kind.uses_layer:
        parts.append(f"at the layer `{request.layer or live.shown(request.model)}`")
    st.caption(", ".join(parts))
    return target


def show_curves(
    request: Request, picture: Picture, result: Result, target: int, on_progress: OnProgress
) -> Sequence[Answer]:
    """Show whether the pixels of most evidence matter to the model; return what is said when they go, and come."""
    entry = registry.get(request.visualisation)
    st.markdown("#### Do its pixels matter to the model?")
    if not store.prediction(store.model(request.model, request.output), picture, on_progress).probabilities.size:
        st.info(NO_PROBABILITY, icon=":material/info:")
        return [Answer(None, "Removing and restoring pixels is not tested: the model gives no probability.")]
    st.caption(
        "First, the pixels with the most evidence are removed: the probability should fall. Next, they are restored in "
        "a blurred picture: the probability should rise quickly. Finally, pixels are painted over with values "
        "interpolated from their neighbours, once starting with the most evidence and once with the least: the second "
        "order should keep the probability higher. A good method beats random numbers (the mean of "
        f"{verdict.DRAWS} draws, with the seeds {_listed(range(verdict.SEED, verdict.SEED + verdict.DRAWS))}) and the "
        "edges of the picture, neither of which knows the model. Removed pixels are set to 0 in the model's normalised "
        "input: medium grey for most models."
    )
    with st.container(key="trust-curves"):
        own, base_lines = store.curves(request, picture, result, target, on_progress)
        found = {entry.name: own} | base_lines
        ignores = entry.kind.ignores_model(dict(request.params))
        first, last = st.columns(2, gap="large"), st.columns(2, gap="large")  # in three, the legends are cut off
        for removal, place in zip(Removal, (*first, *last), strict=False):
            with place:
                _chart(found, removal, ignores)
        sure = own.deletion[0]
        if sure < UNSURE:
            st.caption(
                f":material/info: The probability is {sure:.1%} to begin with, and there is little to take away: the "
                "curves tell more of an answer that the model is sure of."
            )
    return [verdicts.of_curves(found, removal) for removal in Removal]


def _listed(seeds: Sequence[int]) -> str:
    return f"{', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"


def _chart(found: dict[str, Curves], removal: Removal, ignores_model: bool) -> None:
    """Show the curves of a removal, and below them what they say."""
    shown = (curves.curve(removal).tolist() for curves in found.values())
    drawn = dict(zip([OWN, *list(found)[1:]], shown, strict=True))
    st.markdown(f"**{verdicts.DONE[removal].capitalize()}**: {_DRAWN[removal]}")
    st.line_chart(
        {"share of pixels": verdict.shares(removal), **drawn}, x="share of pixels", y=list(drawn), height=HEIGHT
    )
    told = " · ".join(f"{name} {curves.area(removal):.3f}" for name, curves in found.items())
    st.caption(
        f"Area below: {told} ({'lower' if removal is Removal.DELETION else 'higher'} is better). "
        f"{verdicts.below_chart(found, removal, ignores_model)}",
        help=_PAPERS[removal],
    )


def show_shuffled(request: Request, picture: Picture, result: Result, on_progress: OnProgress) -> Answer:
    """Show the picture beside those of models whose weights are shuffled from the top down; return what that says."""
    st.markdown("#### Does it depend on what the model has learned?")
    st.caption(
        "More and more of the weights are permuted, from the last layer down: such a model knows less "
        "and less, so the picture should change. A picture that stays the same shows the input, not the model."
    )
    with st.container(key="trust-swipe"):
        st.caption("Swipe the row of pictures to see all of them.")
    if held := evaluation.held_as_buffers(store.model(request.model).module):
        named = f"{page_parts.literal(', '.join(held[:3]))}{' and others' if len(held) > 3 else ''}"
        st.caption(f"{named} may be weights, and are held as buffers: those stay as they are.")
    depths = evaluation.depths(layer_facts.tree(request.model))
    first, *places = st.container(key="trust-shuffled").columns(len(depths) + 1, gap="small")
    own = store.sheet(request, result.raw, picture, 0, 1).png
    _fill(first.empty(), own, f"**{page_parts.literal(live.shown(request.model))}** as it is")
    slots = [place.empty() for place in places]
    for slot, depth in zip(slots, depths, strict=True):
        _fill(slot, _blank(request, picture), f"**…** · {_told(depth)}", LIKENESS)
    found: dict[str, float] = {}
    for slot, depth in zip(slots, depths, strict=True):
        try:
            other = store.shuffled(request, picture, result, depth, on_progress)
        except MirrorError as error:
            _fill(slot, _blank(request, picture), f"{_told(depth)}: {page_parts.literal(str(error))}")
            continue
        found[depth.words] = verdict.likeness(result, other)
        png = store.sheet(request, other.raw, picture, 0, 1, of=depth.words).png
        _fill(slot, png, f"**{verdicts.signed(found[depth.words])}** · {_told(depth)}", LIKENESS)
    answer = verdicts.of_shuffled(found, store.model(request.model).untrained)
    st.markdown(answer.words if answer.good is None else verdicts.below_shuffled(found))
    return answer


def _fill(slot: DeltaGenerator, png: bytes, told: str, why: str | None = None) -> None:
    """Put a picture into a slot, and below it what it is of."""
    with slot.container():
        st.image(data_url(png), width="stretch", alt=told.replace("*", "").replace("\\", ""))
        st.caption(told, help=why)


def _told(depth: Depth) -> str:
    return f"{page_parts.literal(depth.words)} shuffled"


def _blank(request: Request, picture: Picture) -> bytes:
    """Return an empty picture of the size of those that will come, so that nothing jumps when they do."""
    height, width = store.model_input_rgb(request.model, picture.shown_id, picture).shape[:2]
    return render.png(np.full((height, width, 3), 128, np.uint8))


def show_axiom(request: Request, result: Result) -> None:
    """Say whether the shares of the pixels add up, where the method promises that."""
    st.markdown("#### Does it add up?")
    if verdicts.of_sum(result.info) == verdicts.UNTOLD:
        st.markdown(verdicts.UNTOLD.words)
    elif "completeness" in result.info:
        missing = abs(result.info["completeness"][0])
        told = f"{missing:.2%}" if missing >= LEAST else f"less than {LEAST:.2%}"
        st.markdown(
            "The shares of all pixels should add up to what the target's score gains between the baseline and the "
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
            "Integrated gradients and LRP are made to add up to the logit, and this is measured. "
            f"{registry.get(request.visualisation).name} is not: its numbers tell which places count more than others, "
            "not how much each adds."
        )
