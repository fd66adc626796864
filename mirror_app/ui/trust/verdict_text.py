"""The sentences in which the Trust page reports its tests and its verdict."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from mirror_app.evaluation.verdict import Curves, Removal
from mirror_app.ui.common.page_parts import literal
from mirror_app.visualisations.core.info import Info

SIMILAR = 0.5  # two maps look much the same if the magnitude of their rank correlation is at least this
MARGIN = 0.01  # if the areas of two methods differ by more, one method is clearly better
CEILING = 0.9  # a method that reaches this share of the largest possible gain can hardly be beaten
NEAR, FAR = 0.1, 0.5  # the relative error of a sum is small up to NEAR, and large above FAR
TEST_NAMES = {Removal.DELETION: "removal", Removal.INSERTION: "restoration", Removal.ROAD: "painting-over"}
_ACTIONS = {Removal.DELETION: "Removing", Removal.INSERTION: "Restoring", Removal.ROAD: "Painting over"}
_BASELINES = {"random": "random pixels", "edges": "edges"}
_ICONS = {
    True: ":green[:material/check_circle:]",
    False: ":orange[:material/error:]",
    None: ":material/do_not_disturb_on:",
}


@dataclass(frozen=True)
class Answer:
    """The result of a test as a sentence, and whether it speaks for the method (None if the test is uninformative)."""

    good: bool | None
    words: str


NOT_FINITE = Answer(None, "The sum cannot be tested: the target's score is not a finite number.")


def verdict_and_answers(answers: Sequence[Answer]) -> str:
    """Return the verdict, followed by a line for each answer, as Markdown."""
    results = {answer.good for answer in answers}
    if True not in results:
        verdict = "do not rely on it here." if False in results else "the tests are uninformative here."
    elif False in results:
        verdict = "use with caution."
    else:
        verdict = "passes every test that applies here." if None in results else "passes every test here."
    return "  \n".join([f"**Verdict:** {verdict}", *(f"{_ICONS[answer.good]} {answer.words}" for answer in answers)])


def unbeaten_baselines(curves: Mapping[str, Curves], removal: Removal) -> list[str] | None:
    """Return the baselines that the method is not clearly better than; None if the test is uninformative.

    `curves` has the method first, then the baselines. A tie with a baseline that is close to the best possible result
    does not count against the method.
    """
    if curves["random"].is_decided_early(removal):
        return None
    method_gain, *baseline_gains = _gains(curves, removal).values()
    baselines = zip(list(curves)[1:], baseline_gains, strict=True)
    unbeaten = [name for name, gain in baselines if method_gain <= gain + MARGIN]
    is_near_best = method_gain >= CEILING * _largest_gain(curves, removal)
    is_tied_at_best = is_near_best and method_gain >= max(baseline_gains) - MARGIN
    return None if unbeaten and is_tied_at_best else unbeaten


def of_curves(curves: Mapping[str, Curves], removal: Removal) -> Answer:
    """Return whether changing the highlighted pixels has a stronger effect than changing pixels of the baselines."""
    unbeaten = unbeaten_baselines(curves, removal)
    if unbeaten is None:
        reason = _why_uninformative(curves, removal)
        return Answer(None, f"The {TEST_NAMES[removal]} test is uninformative here: {reason}.")
    effect = "raises" if removal is Removal.INSERTION else "lowers"
    comparison = "no more than" if unbeaten else "more than"
    action, baselines = _ACTIONS[removal], " or ".join(_BASELINES[name] for name in unbeaten or _BASELINES)
    return Answer(
        not unbeaten,
        f"{action} the highlighted pixels {effect} the probability {comparison} {action.lower()} {baselines}.",
    )


def below_chart(curves: Mapping[str, Curves], removal: Removal, ignores_model: bool) -> str:
    """Return the caption below the chart of a removal, as coloured Markdown."""
    unbeaten = unbeaten_baselines(curves, removal)
    if unbeaten is None:
        return f":orange[Uninformative here:] {_why_uninformative(curves, removal)}."
    if not unbeaten and ignores_model:
        return ":orange[Better than both, but this proves little:] edges often lie on the object."
    if not unbeaten:
        return ":green[Clearly better than both.]"
    gains = _gains(curves, removal)
    method_gain = next(iter(gains.values()))
    worse_than = [name for name in unbeaten if method_gain < gains[name] - MARGIN]
    if worse_than:
        return f":orange[Worse than {' and '.join(_BASELINES[name] for name in worse_than)}.]"
    return f":orange[Not clearly better than {' or '.join(_BASELINES[name] for name in unbeaten)}.]"


def of_shuffled(correlations: Mapping[str, float], untrained: bool) -> Answer:
    """Return whether the map changes with the weights, from the rank correlation at each depth of shuffling.

    A map whose signs are inverted, so that evidence for a class becomes evidence against it, counts as unchanged.
    """
    uninformative = "The shuffling test is uninformative here:"
    if untrained:
        return Answer(None, f"{uninformative} the model is untrained, so it has learned nothing.")
    if not correlations:
        return Answer(None, f"{uninformative} no shuffled model gave a map.")
    if any(math.isnan(correlation) for correlation in correlations.values()):
        return Answer(None, f"{uninformative} the map has the same value everywhere, so it cannot be compared.")
    unchanged = _unchanged_depths(correlations)
    barely_changes = _barely_changes(correlations, unchanged)
    if len(unchanged) == len(correlations):
        return Answer(False, f"Shuffling the weights {barely_changes}: the map shows the input more than the model.")
    if unchanged:
        return Answer(False, f"Shuffling the last layer {barely_changes}; shuffling earlier layers changes it clearly.")
    return Answer(True, "Shuffling the weights changes the map: the map depends on what the model has learned.")


def below_shuffled(correlations: Mapping[str, float]) -> str:
    """Return the caption that says at which depth of shuffling the map starts to change."""
    unchanged = _unchanged_depths(correlations)
    barely_changes = _barely_changes(correlations, unchanged)
    if len(unchanged) == len(correlations):
        weakest = min(correlations.values(), key=abs)
        return (
            f":orange[Shuffling {barely_changes}], at any depth (weakest rank correlation {signed(weakest)}): the "
            "map shows the input more than what the model has learned."
        )
    first_changed = list(correlations)[len(unchanged)]
    correlation = f"(rank correlation {signed(correlations[first_changed])})"
    if not unchanged:
        return (
            f":green[Shuffling the last layer already changes the map] {correlation}: the map depends on what that "
            "layer has learned."
        )
    return (
        f":orange[Shuffling {literal(unchanged[-1])} {barely_changes}]; :green[shuffling {literal(first_changed)} "
        f"changes it clearly] {correlation}: the map depends on the earlier layers but hardly on the last "
        f"{'one' if len(unchanged) == 1 else 'ones'}."
    )


def of_sum(info: Info) -> Answer | None:
    """Return whether the values add up to the score of the class; None if the method does not promise that."""
    shares = [*(info.completeness or [])[:1], *(info.conservation or [])[:1]]
    if not all(map(math.isfinite, shares)):
        return NOT_FINITE
    if info.completeness:
        error = abs(info.completeness[0])
        return Answer(
            _is_small(error),
            "The map's values should add up to the rise in the class score from the baseline to the picture; the sum "
            f"is off by {error:.1%}.",
        )
    if info.conservation:
        share = info.conservation[0]
        return Answer(_is_small(abs(1 - share)), f"The map's values add up to {share:.1%} of the class score.")
    return None


def _is_small(error: float) -> bool | None:
    return True if error <= NEAR else False if error > FAR else None


def signed(correlation: float) -> str:
    """Return a rank correlation with its sign, or "flat" if there is nothing to compare."""
    if math.isnan(correlation):
        return "flat"
    return f"{correlation:+.2f}".replace("-", "−")


def _unchanged_depths(correlations: Mapping[str, float]) -> list[str]:
    """Return the depths before the first one at which the map clearly changes."""
    return list(takewhile(lambda depth: abs(correlations[depth]) >= SIMILAR, correlations))


def _barely_changes(correlations: Mapping[str, float], unchanged: Sequence[str]) -> str:
    """Return the effect of shuffling on the map at the depths `unchanged`, in words."""
    is_inverted = any(correlations[depth] < 0 for depth in unchanged)
    return "barely changes the map, except for inverting it" if is_inverted else "barely changes the map"


def _gains(curves: Mapping[str, Curves], removal: Removal) -> dict[str, float]:
    return {name: each.gain(removal) for name, each in curves.items()}


def _largest_gain(curves: Mapping[str, Curves], removal: Removal) -> float:
    """Return the gain of an ideal curve, which jumps at once to the most extreme value in `curves`."""
    if removal is Removal.ROAD:
        return float(next(iter(curves.values())).road[0, 0])
    drawn = [each.curve(removal) for each in curves.values()]
    return max(float(abs(curve - curve[0]).max()) for curve in drawn)


def _why_uninformative(curves: Mapping[str, Curves], removal: Removal) -> str:
    if not curves["random"].is_decided_early(removal):
        return "edges or random pixels do nearly as well as any method can"
    effect = "restores" if removal is Removal.INSERTION else "erases"
    return f"{_ACTIONS[removal].lower()} a random 10% of the pixels already {effect} the class"
