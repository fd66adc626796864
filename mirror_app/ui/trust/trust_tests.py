"""The sections of the Trust page: three tests of a map, each with its result in figures and in words."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mirror_app import evaluation, live, render
from mirror_app.engine import Result
from mirror_app.errors import MirrorError
from mirror_app.evaluation import Depth, verdict
from mirror_app.evaluation.verdict import Curves, Removal
from mirror_app.ui import store
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import layer_facts, page_parts
from mirror_app.ui.state.session import choose_layer, choose_visualisation
from mirror_app.ui.store import OnProgress, Selection
from mirror_app.ui.trust import verdict_text
from mirror_app.ui.trust.verdict_text import Answer
from mirror_app.visualisations.registry import Entry

SMALLEST_SHARE = 0.0001  # smaller shares are shown as "less than" this one
LOW_PROBABILITY = 0.1  # below this probability, there is little to remove
METHOD = "This method"  # the name in legends, which sort capitals first; a longer name would overlap the next
CHART_HEIGHT = 260  # pixels
NO_PROBABILITY = (
    "Deletion and insertion measure how a probability falls and rises. This model outputs no probability, so these "
    "tests do not apply. The tests below need no probability."
)
ALTERNATIVES = ("grad-cam", "lrp", "integrated-gradients")  # suggested if the chosen method cannot be tested
_RISE = (
    "The area under the curve, a number between 0 and 1, is the probability averaged over the share of pixels changed "
    "(Petsiuk et al. 2018, “RISE”)."
)
_PAPERS = {
    Removal.DELETION: _RISE,
    Removal.INSERTION: _RISE,
    Removal.ROAD: "The area under the curve, a number between -1 and 1, is the probability without the least relevant "
    "pixels minus the probability without the most relevant ones, averaged over all tested shares of painted-over "
    "pixels (Rong et al. 2022, “ROAD”).",
}
_CHART_TITLES = {
    Removal.DELETION: "**Pixels removed**: probability",
    Removal.INSERTION: "**Pixels restored**: probability",
    Removal.ROAD: "**Pixels painted over**: difference in probability",
}
CORRELATION_HELP = (
    "Rank correlation with the first map: 1 means the same ranking of locations, 0 no relation, and -1 the reverse "
    "ranking, as in an inverted map. Expect some similarity in any case, since even a random network computes "
    "its maps from the same input."
)


def offer_alternatives(entry: Entry, entries: Sequence[Entry]) -> None:
    """Say that the chosen method cannot be tested, and offer some methods that can."""
    st.info(
        f"{page_parts.literal(entry.name)} does not measure how much each location contributes to a class, so there is "
        "nothing to test. Choose a method that does:",
        icon=":material/info:",
    )
    testable = [other for other in entries if verdict.is_attribution(other)]
    testable.sort(key=lambda other: ALTERNATIVES.index(other.key) if other.key in ALTERNATIVES else len(ALTERNATIVES))
    with st.container(horizontal=True):
        for other in testable[: len(ALTERNATIVES)]:
            st.button(
                f"Test {page_parts.literal(other.name)}",
                key=f"test {other.key}",
                icon=":material/verified:",
                on_click=choose_visualisation,
                args=(other,),
            )


def offer_layer(layer: str, model_name: str) -> None:
    """Say that only a single layer can be tested, and offer to test `layer`."""
    st.info("One layer is tested at a time, and the map is of every stage now.", icon=":material/info:")
    st.button(
        f"Test the layer {page_parts.literal(layer or live.display_name(model_name))}",
        key="test-layer",
        icon=":material/verified:",
        on_click=choose_layer,
        args=(layer,),
    )


def show_warning(entry: Entry) -> None:
    """Warn of a method that is known to ignore the model, in place of a verdict."""
    st.warning(
        f"**Verdict:** not an explanation. With these settings, {page_parts.literal(entry.name)} is known to show the "
        "picture's edges more than the model's reasoning (Adebayo et al. 2018, Nie et al. 2018), whatever the figures "
        "below say about this picture. Use plain Grad-CAM or LRP instead.",
        icon=":material/warning:",
    )


def show_subject(selection: Selection, result: Result, on_progress: OnProgress) -> int:
    """Show which picture, class and layer are tested; return the number of the class."""
    model, picture = selection.model, selection.picture
    prediction = store.prediction(model, picture, on_progress)
    target = verdict.explained_class(selection.request, result, prediction)
    parts = [
        f"Picture: {page_parts.literal(picture.name)}",
        f"{model.kind.noun.capitalize()}: *{page_parts.literal(model.name_of(target))}* ({prediction.text(target)})",
    ]
    if selection.entry.kind.uses_layer:
        parts.append(f"Layer: `{selection.layer_name}`")
    st.caption(" · ".join(parts))
    return target


def show_curves(selection: Selection, result: Result, target: int, on_progress: OnProgress) -> Sequence[Answer]:
    """Show whether the pixels with the most evidence matter to the model; return an answer for each kind of removal."""
    entry = selection.entry
    st.markdown("#### Do the highlighted pixels matter to the model?")
    if not store.prediction(selection.model, selection.picture, on_progress).probabilities.size:
        st.info(NO_PROBABILITY, icon=":material/info:")
        return [Answer(None, "Removing and restoring pixels was not tested: the model outputs no probability.")]
    st.caption(
        "First, the pixels with the most evidence are removed: the probability should fall. Next, they are restored in "
        "a blurred picture: the probability should rise quickly. Finally, pixels are painted over with values "
        "interpolated from their neighbours, in two orders: most evidence first, then least evidence first. The "
        "probability should stay higher with the second order. A good method does better than two maps that "
        f"do not depend on the model: random numbers (the mean of {verdict.DRAWS} draws, with the seeds "
        f"{_enumerated(range(verdict.SEED, verdict.SEED + verdict.DRAWS))}) and the edges of the picture. Removed "
        "pixels are set to 0 in the model's normalised input: medium grey for most models."
    )
    with st.container(key="trust-curves"):
        method_curves, baselines = store.curves(selection, result, target, on_progress)
        curves = {entry.name: method_curves} | baselines
        ignores_model = entry.kind.ignores_model(dict(selection.request.params))
        # With three charts in one row, the legends would be cut off.
        first_row, second_row = st.columns(2, gap="large"), st.columns(2, gap="large")
        for removal, slot in zip(Removal, (*first_row, *second_row), strict=False):
            with slot:
                _show_chart(curves, removal, ignores_model)
        probability = method_curves.deletion[0]
        if probability < LOW_PROBABILITY:
            st.caption(
                f":material/info: The probability starts at only {probability:.1%}, so there is little to remove: the "
                "curves are more informative for a confident prediction."
            )
    return [verdict_text.of_curves(curves, removal) for removal in Removal]


def _enumerated(seeds: Sequence[int]) -> str:
    return f"{', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"


def _show_chart(curves: dict[str, Curves], removal: Removal, ignores_model: bool) -> None:
    """Show the curves of a removal, and their meaning below the chart."""
    values = [each.curve(removal).tolist() for each in curves.values()]
    lines = dict(zip([METHOD, *list(curves)[1:]], values, strict=True))
    st.markdown(_CHART_TITLES[removal])
    st.line_chart(
        {"share of pixels": verdict.shares(removal), **lines}, x="share of pixels", y=list(lines), height=CHART_HEIGHT
    )
    areas = " · ".join(f"{name} {each.area(removal):.3f}" for name, each in curves.items())
    st.caption(
        f"Area under the curve: {areas} ({'lower' if removal is Removal.DELETION else 'higher'} is better). "
        f"{verdict_text.below_chart(curves, removal, ignores_model)}",
        help=_PAPERS[removal],
    )


def show_shuffled(selection: Selection, result: Result, on_progress: OnProgress) -> Answer:
    """Show the map next to maps of models with shuffled weights, from the last layer down; return the answer."""
    st.markdown("#### Does the map depend on what the model has learned?")
    st.caption(
        "More and more of the weights are permuted, starting from the last layer: the model knows less and less, so "
        "the map should change. A map that stays the same shows the input, not the model."
    )
    with st.container(key="trust-swipe"):
        st.caption("Swipe the row of maps to see all of them.")
    if buffers := evaluation.buffers_holding_weights(selection.model.module):
        names = f"{page_parts.literal(', '.join(buffers[:3]))}{' and others' if len(buffers) > 3 else ''}"
        st.caption(f"Buffers are not shuffled, although some may hold weights: {names}.")
    depths = evaluation.depths(layer_facts.tree(selection.request.model))
    first, *others = st.container(key="trust-shuffled").columns(len(depths) + 1, gap="small")
    unshuffled_png = store.sheet(selection, result.raw, 0, 1).png
    model_name = page_parts.literal(live.display_name(selection.request.model))
    _fill(first.empty(), unshuffled_png, f"**{model_name}** unchanged")
    slots = [column.empty() for column in others]
    for slot, depth in zip(slots, depths, strict=True):
        _fill(slot, _blank(selection), f"**…** · {_caption(depth)}", CORRELATION_HELP)
    correlations: dict[str, float] = {}
    for slot, depth in zip(slots, depths, strict=True):
        try:
            shuffled = store.shuffled(selection, result, depth, on_progress)
        except MirrorError as error:
            _fill(slot, _blank(selection), f"{_caption(depth)}: {page_parts.literal(str(error))}")
            continue
        correlation = correlations[depth.label] = verdict.similarity(result, shuffled)
        png = store.sheet(selection, shuffled.raw, 0, 1, of=depth.label).png
        _fill(slot, png, f"**{verdict_text.signed(correlation)}** · {_caption(depth)}", CORRELATION_HELP)
    answer = verdict_text.of_shuffled(correlations, selection.model.untrained)
    st.markdown(answer.words if answer.good is None else verdict_text.below_shuffled(correlations))
    return answer


def _fill(slot: DeltaGenerator, png: bytes, caption: str, help_text: str | None = None) -> None:
    """Show a picture in `slot`, with its caption below."""
    with slot.container():
        st.image(data_url(png), width="stretch", alt=caption.replace("*", "").replace("\\", ""))
        st.caption(caption, help=help_text)


def _caption(depth: Depth) -> str:
    return f"{page_parts.literal(depth.label)} shuffled"


def _blank(selection: Selection) -> bytes:
    """Return an empty picture of the same size as the maps, so that nothing moves when they arrive."""
    height, width = store.model_input_rgb(selection).shape[:2]
    return render.png(np.full((height, width, 3), 128, np.uint8))


def show_sum(entry: Entry, result: Result) -> None:
    """Show whether the values add up to the target's score, if the method promises that."""
    st.markdown("#### Do the values add up?")
    if verdict_text.of_sum(result.info) == verdict_text.NOT_FINITE:
        st.markdown(verdict_text.NOT_FINITE.words)
    elif result.info.completeness:
        error = abs(result.info.completeness[0])
        percentage = f"{error:.2%}" if error >= SMALLEST_SHARE else f"less than {SMALLEST_SHARE:.2%}"
        st.markdown(
            "The values of all pixels should add up to the rise in the class score from the baseline to the picture. "
            f"The sum is off by **{percentage}** of that rise."
        )
    elif result.info.conservation:
        share = result.info.conservation[0]
        st.markdown(
            f"The relevance should add up to the logit. The actual sum is **{share:.1%}** of the logit; biases, "
            "other constants and the propagation rule account for the difference."
        )
    else:
        st.markdown(f"The sum is checked for integrated gradients and LRP only; for {entry.name} it is not measured.")
