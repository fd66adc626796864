"""Colour bars of the Compare page: what the colours of several pictures on one scale stand for."""

from collections.abc import Sequence

from streamlit.delta_generator import DeltaGenerator

from mirror_app.render import Legend


def show(slot: DeltaGenerator, legends: Sequence[Legend], vmax: float | None = None) -> None:
    """Fill `slot` with colour bars; without any, with the magnitude at full brightness, if it is given."""
    if legends:
        slot.markdown("".join(map(_html, legends)), unsafe_allow_html=True)
    elif vmax:
        slot.caption(f"maximum {vmax:.3g}")
    else:
        slot.empty()


def _html(legend: Legend) -> str:
    """Return a bar with its numbers below: colours and numbers only, nothing that a visitor wrote."""
    low, *_, high = ticks = [f"{number:.3g}" for number in legend.ticks]
    numbers = "".join(f"<span>{tick}</span>" for tick in ticks)
    gradient = f"linear-gradient(to right, {', '.join(legend.colours)})"
    label = f"The colours stand for values from {low} to {high}."
    return (
        f'<div class="mirror-colour-bar" role="img" aria-label="{label}">'
        f'<div style="background: {gradient}"></div><div>{numbers}</div></div>'
    )
