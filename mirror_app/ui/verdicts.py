"""What the tests of trust say, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from mirror_app.trust import Curves
from mirror_app.ui.views import literal

ALIKE = 0.5  # a rank correlation from which on two maps look much the same
CLEARLY = 0.01  # of an area
PARTS = ("taken away", "given back")
_DOING = ("Taking pixels away", "Giving pixels back")
_PIXELS = {"random": "random ones", "edges": "edges"}  # what is said of a base line's
_ICONS = {
    True: ":green[:material/check_circle:]",
    False: ":orange[:material/error:]",
    None: ":material/do_not_disturb_on:",
}


@dataclass(frozen=True)
class Answer:
    """What a test says in a sentence, and whether it speaks for the method: None where it says little."""

    good: bool | None
    words: str


def in_short(answers: Sequence[Answer]) -> str:
    """Return a verdict and below it a line for each answer, as Markdown."""
    said = {answer.good for answer in answers}
    if True not in said:
        verdict = "do not rely on it here." if False in said else "these tests say little here."
    elif False in said:
        verdict = "trust it here with care."
    else:
        verdict = "it passes the tests that say something here." if None in said else "it passes the tests here."
    return "  \n".join([f"**In short:** {verdict}", *(f"{_ICONS[answer.good]} {answer.words}" for answer in answers)])


def unbeaten(found: Mapping[str, Curves], part: int) -> list[str] | None:
    """Return the base lines that the first curves are not clearly better than; None where the part says little.

    part: 0 where pixels are taken away, 1 where they are given back.
    """
    if found["random"].at_once[part]:
        return None
    own, *others = _gains(found, part)
    return [name for name, other in zip(list(found)[1:], others, strict=True) if own <= other + CLEARLY]


def of_curves(found: Mapping[str, Curves], part: int) -> Answer:
    """Return whether the pixels matter when they are taken away, or given back."""
    names = unbeaten(found, part)
    if names is None:
        return Answer(None, f"{_DOING[part]} says little here: {_soon(part)}.")
    more = (
        f"no more than {' and '.join(_PIXELS[name] for name in names)}" if names else "more than random ones and edges"
    )
    return Answer(not names, f"When they are {PARTS[part]}, its pixels matter {more}.")


def below_chart(found: Mapping[str, Curves], part: int, ignores_model: bool) -> str:
    """Return what is said below the chart of a part, in its colour."""
    names = unbeaten(found, part)
    if names is None:
        return f":orange[This says little here:] {_soon(part)}."
    if not names and ignores_model:
        return ":orange[Better than both, but this is no proof:] edges often lie where the thing is."
    if not names:
        return ":green[Clearly better than both.]"
    gains = dict(zip(found, _gains(found, part), strict=True))
    worse = [name for name in names if next(iter(gains.values())) < gains[name] - CLEARLY]
    told = f"Worse than {' and '.join(worse)}" if worse else f"Not clearly better than {' and '.join(names)}"
    return f":orange[{told}.]"


def of_shuffled(found: Mapping[str, float], untrained: bool) -> Answer:
    """Return whether the picture changes with the weights, from the likeness at each depth of shuffling."""
    if untrained:
        return Answer(None, "Shuffled weights say little here: the model is untrained, and has learned nothing.")
    if not found:
        return Answer(None, "Shuffled weights say little here: those models give no picture.")
    if min(found.values()) >= ALIKE:
        return Answer(False, "It hardly changes when weights are shuffled: it shows the picture more than the model.")
    if next(iter(found.values())) >= ALIKE:
        return Answer(False, "It stays much the same with the last layer shuffled, and changes only with earlier ones.")
    return Answer(True, "It changes when weights are shuffled: it depends on what the model has learned.")


def below_shuffled(found: Mapping[str, float]) -> str:
    """Return in words from which depth on the picture is another."""
    kept = list(takewhile(lambda words: found[words] >= ALIKE, found))
    if len(kept) == len(found):
        return (
            ":orange[It stays much the same] however much is shuffled (rank correlation at least "
            f"{signed(min(found.values()))}): it shows the input more than what the model has learned."
        )
    changed = list(found)[len(kept)]
    figure = f"(rank correlation {signed(found[changed])})"
    if not kept:
        return (
            f":green[It changes as soon as the last layer is shuffled] {figure}: it depends on what that has learned."
        )
    return (
        f":orange[It stays much the same with {literal(kept[-1])} shuffled] and :green[changes with "
        f"{literal(changed)}] {figure}: what the last layers have learned hardly matters to it, what the earlier ones "
        "have does."
    )


def signed(correlation: float) -> str:
    """Return a rank correlation as it is written, with its sign."""
    return f"{correlation:+.2f}".replace("-", "−")


def _gains(found: Mapping[str, Curves], part: int) -> list[float]:
    """Return the area below each curve, turned such that more is better."""
    return [curves.areas[part] if part else -curves.areas[part] for curves in found.values()]


def _soon(part: int) -> str:
    return f"with a tenth of the pixels {PARTS[part]} at random, the class is {'there' if part else 'gone'} already"
