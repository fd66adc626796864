"""The parts of the trust page: three questions to a picture, each with its answer in figures and in words."""

from typing import Any

import streamlit as st

from mirror_app import registry, trust
from mirror_app.engine import Result
from mirror_app.images import Picture
from mirror_app.request import Request
from mirror_app.trust import Curves, Shuffled
from mirror_app.ui import cache
from mirror_app.ui.cache import Meanwhile

ALIKE = 0.5  # a rank correlation from which on two maps look much the same
CLEARLY = 0.01  # of an area
HEIGHT = 260  # pixels of a chart
_COLOURS: list[Any] = ["#7c4ddb", "#8f8ba3", "#d08b2c"]


def show_warning(request: Request) -> None:
    """Warn of a method that is known to ignore the model."""
    entry = registry.get(request.visualisation)
    if entry.kind.ignores_model(dict(request.params)):
        st.warning(
            f"{entry.name}, as it is set, is known to show the picture's edges more than the model's reasons: look at "
            "the second question below (Adebayo et al. 2018, Nie et al. 2018).",
            icon=":material/warning:",
        )


def show_curves(request: Request, picture: Picture, result: Result, meanwhile: Meanwhile) -> None:
    """Show whether the pixels of most evidence matter to the model, beside random numbers and edges."""
    st.markdown("#### Do its pixels matter to the model?")
    st.caption(
        "Pixels are taken away, those of most evidence first: the class should fade quickly. Then they come back into "
        "a blurred picture: the class should return quickly. Random numbers and the picture's edges are beside it; a "
        "method that does no better than these tells nothing of the model."
    )
    with st.container(key="trust-curves"):
        found = cache.curves(request, picture, result, meanwhile)
        for place, part in zip(st.columns(2, gap="large"), ("deletion", "insertion"), strict=True):
            with place:
                _chart(found, part)


def _chart(found: dict[str, Curves], part: str) -> None:
    number = ("deletion", "insertion").index(part)
    curves = {name: getattr(curve, part).tolist() for name, curve in found.items()}
    shares = [step / trust.STEPS for step in range(trust.STEPS + 1)]
    table = {"share of pixels": shares, **curves}
    does = "Taken away" if part == "deletion" else "Given back"
    st.markdown(f"**{does}**: the class's probability")
    st.line_chart(table, x="share of pixels", y=list(curves), color=_COLOURS, height=HEIGHT)
    own, *others = (curve.areas[number] for curve in found.values())
    better = own < min(others) - CLEARLY if part == "deletion" else own > max(others) + CLEARLY
    told = " · ".join(f"{name} {curve.areas[number]:.2f}" for name, curve in found.items())
    verdict = ":green[Clearly better than both.]" if better else ":orange[Not clearly better than both.]"
    wanted = "little" if part == "deletion" else "much"
    st.caption(
        f"Area below: {told} ({wanted} is good). {verdict}",
        help="From 0 to 1: the mean probability over all shares of pixels (Petsiuk et al. 2018, «RISE»).",
    )


def show_shuffled(request: Request, picture: Picture, result: Result, meanwhile: Meanwhile) -> None:
    """Show the picture beside those of models whose weights are shuffled from the top down."""
    st.markdown("#### Does it depend on what the model has learned?")
    st.caption(
        "The weights are put in random order, from the last layer down: such a model knows less and less, so that the "
        "picture should become another. One that stays the same shows the input, not the model."
    )
    places = st.container(key="trust-shuffled").columns(len(trust.SHARES) + 1, gap="small")
    with places[0]:
        first = cache.sheet(request, result.raw, picture, 0, 1)
        st.image(first.png, width="stretch", output_format="PNG", alt="The picture itself")
        st.caption("**as trained**")
    waiting = [place.empty() for place in places[1:]]
    for place in waiting:
        place.container(height=170, border=True)
    for place, share in zip(waiting, trust.SHARES, strict=True):
        shuffled = cache.shuffled(request, picture, result, share, meanwhile)
        with place.container():
            _show(shuffled)
    st.markdown(_verdict(shuffled.correlation))


def _show(shuffled: Shuffled) -> None:
    st.image(shuffled.png, width="stretch", output_format="PNG", alt=f"Shuffled from {shuffled.layer} up")
    st.caption(
        f"shuffled from `{shuffled.layer}` up · **{shuffled.correlation:+.2f}**",
        help="The rank correlation with the picture as trained: 1 is the same order of places, 0 none in common.",
    )


def _verdict(correlation: float) -> str:
    if correlation >= ALIKE:
        return (
            f":orange[It stays much the same] (rank correlation {correlation:.2f} once all is shuffled): it shows the "
            "input more than what the model has learned."
        )
    return f":green[It changes] (rank correlation {correlation:.2f} once all is shuffled): it depends on the weights."


def show_axiom(result: Result) -> None:
    """Say whether the shares of the pixels add up, where the method promises that."""
    st.markdown("#### Does it add up?")
    if "completeness" in result.info:
        missing = abs(result.info["completeness"][0])
        st.markdown(
            f"The pixels' shares should add up to what the class's logit gains over the baseline. They miss it by "
            f"**{missing:.1e}** of that gain."
        )
    elif "conservation" in result.info:
        kept = result.info["conservation"][0]
        st.markdown(
            f"The relevance that arrives should be the logit that was handed down. **{kept:.1%}** of it arrives; "
            "biases keep the rest."
        )
    else:
        st.markdown("This method does not promise that its numbers add up to anything: read them as an order.")
