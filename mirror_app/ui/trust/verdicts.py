"""What the tests of trust say, in plain words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from mirror_app.evaluation.verdict import Curves, Removal
from mirror_app.ui.common.page_parts import literal

ALIKE = 0.5  # a rank correlation, of either sign, from which on two maps look much the same
CLEARLY = 0.01  # of an area
CEILING = 0.9  # of what a curve can gain: there is hardly room to be better
NEAR, FAR = 0.1, 0.5  # of what should add up: a small share that is missing, and a large one
DONE = {Removal.DELETION: "removed", Removal.INSERTION: "restored", Removal.ROAD: "painted over"}
_DOING = {
    Removal.DELETION: "Removing pixels",
    Removal.INSERTION: "Restoring pixels",
    Removal.ROAD: "Painting pixels over",
}
_STATE = {Removal.DELETION: "gone", Removal.INSERTION: "there", Removal.ROAD: "gone"}
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


UNTOLD = Answer(None, "Whether it adds up cannot be told: the target's score is not a finite number.")


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


def unbeaten(found: Mapping[str, Curves], removal: Removal) -> list[str] | None:
    """Return the base lines that the first curves are not clearly better than; None where this test says little.

    A tie is no reproach where the base line has nearly all that can be had.
    """
    if found["random"].is_decided_early(removal):
        return None
    own, *others = _gains(found, removal).values()
    names = [name for name, other in zip(list(found)[1:], others, strict=True) if own <= other + CLEARLY]
    is_tied_at_best = own >= CEILING * _largest_gain(found, removal) and own >= max(others) - CLEARLY
    return None if names and is_tied_at_best else names


def of_curves(found: Mapping[str, Curves], removal: Removal) -> Answer:
    """Return whether the pixels matter when they are taken away, given back or painted over."""
    names = unbeaten(found, removal)
    if names is None:
        return Answer(None, f"{_DOING[removal]} says little here: {_why_little(found, removal)}.")
    more = (
        f"no more than {' and '.join(_PIXELS[name] for name in names)}" if names else "more than random ones and edges"
    )
    return Answer(not names, f"When they are {DONE[removal]}, its pixels matter {more}.")


def below_chart(found: Mapping[str, Curves], removal: Removal, ignores_model: bool) -> str:
    """Return what is said below the chart of a removal, in its colour."""
    names = unbeaten(found, removal)
    if names is None:
        return f":orange[This says little here:] {_why_little(found, removal)}."
    if not names and ignores_model:
        return ":orange[Better than both, but this is no proof:] edges often lie where the thing is."
    if not names:
        return ":green[Clearly better than both.]"
    gains = _gains(found, removal)
    worse = [name for name in names if next(iter(gains.values())) < gains[name] - CLEARLY]
    told = f"Worse than {' and '.join(worse)}" if worse else f"Not clearly better than {' and '.join(names)}"
    return f":orange[{told}.]"


def of_shuffled(found: Mapping[str, float], untrained: bool) -> Answer:
    """Return whether the picture changes with the weights, from the rank correlation at each depth of shuffling.

    One that is turned over, evidence for a class being evidence against it, is the same picture.
    """
    if untrained:
        return Answer(None, "Shuffled weights say little here: the model is untrained, and has learned nothing.")
    if not found:
        return Answer(None, "Shuffled weights say little here: those models give no picture.")
    if any(math.isnan(correlation) for correlation in found.values()):
        return Answer(
            None, "Shuffled weights say little here: the picture is the same number everywhere, and cannot be compared."
        )
    kept = _kept(found)
    same = _same(found, kept)
    if len(kept) == len(found):
        return Answer(
            False, f"It stays much {same} when weights are shuffled: it shows the picture more than the model."
        )
    if kept:
        return Answer(False, f"It stays much {same} with the last layer shuffled, and changes only with earlier ones.")
    return Answer(True, "It changes when weights are shuffled: it depends on what the model has learned.")


def below_shuffled(found: Mapping[str, float]) -> str:
    """Return in words from which depth on the picture is another."""
    kept = _kept(found)
    same = _same(found, kept)
    if len(kept) == len(found):
        least = min(found.values(), key=abs)
        return (
            f":orange[It stays much {same}] however much is shuffled (rank correlation {signed(least)} at the "
            "weakest): it shows the input more than what the model has learned."
        )
    changed = list(found)[len(kept)]
    figure = f"(rank correlation {signed(found[changed])})"
    if not kept:
        return (
            f":green[It changes as soon as the last layer is shuffled] {figure}: it depends on what that has learned."
        )
    return (
        f":orange[It stays much {same} with {literal(kept[-1])} shuffled] and :green[changes with "
        f"{literal(changed)}] {figure}: what the last layers have learned hardly affects it, but what the earlier "
        "ones have learned does."
    )


def of_sum(info: Mapping[str, Any]) -> Answer | None:
    """Return whether what should add up to the logit does; None where the method does not promise that."""
    shares = [*info.get("completeness", [])[:1], *info.get("conservation", [])[:1]]
    if not all(map(math.isfinite, shares)):
        return UNTOLD
    if "completeness" in info:
        missing = abs(info["completeness"][0])
        return Answer(_is_small(missing), f"The sum over its pixels misses the logit's gain by {missing:.1%}.")
    if "conservation" in info:
        kept = info["conservation"][0]
        return Answer(_is_small(abs(1 - kept)), f"Of the logit that was handed down, {kept:.1%} arrives.")
    return None


def _is_small(missing: float) -> bool | None:
    return True if missing <= NEAR else False if missing > FAR else None


def signed(correlation: float) -> str:
    """Return a rank correlation as it is written, with its sign; "flat" where there is nothing to compare."""
    if math.isnan(correlation):
        return "flat"
    return f"{correlation:+.2f}".replace("-", "−")


def _kept(found: Mapping[str, float]) -> list[str]:
    """Return the depths, from the first on, with which the picture is much the same."""
    return list(takewhile(lambda words: abs(found[words]) >= ALIKE, found))


def _same(found: Mapping[str, float], kept: Sequence[str]) -> str:
    """Return in words how the pictures at the depths `kept` are like the first one."""
    return "the same, or inverted," if any(found[words] < 0 for words in kept) else "the same"


def _gains(found: Mapping[str, Curves], removal: Removal) -> dict[str, float]:
    return {name: curves.gain(removal) for name, curves in found.items()}


def _largest_gain(found: Mapping[str, Curves], removal: Removal) -> float:
    """Return the gain of a curve that is at once where any of these ever comes."""
    drawn = [curves.curve(removal) for curves in found.values()]
    if removal is Removal.ROAD:
        return float(next(iter(found.values())).road[0, 0])
    return max(float(abs(curve - curve[0]).max()) for curve in drawn)


def _why_little(found: Mapping[str, Curves], removal: Removal) -> str:
    if not found["random"].is_decided_early(removal):
        return "edges or random numbers do nearly as well as anything can"
    return f"with a tenth of the pixels {DONE[removal]} at random, the answer is {_STATE[removal]} already"
