"""What Trust says about curves, shuffled weights and sums."""

import math

import numpy as np
import pytest

from mirror_app.evaluation.verdict import Curves, Removal
from mirror_app.ui.trust import verdict_text
from mirror_app.ui.trust.verdict_text import Answer
from mirror_app.visualisations.core import Info


def line(away: float, back: float, painted: float = 0.3, soon: bool = False) -> Curves:
    """Curves that stay where they are, or begin as far from there as they can."""
    curves = np.full((2, 25), [[away], [back]])
    curves[:, [0, -1]] = [[1, 0], [0, 1]]
    road = np.full((2, 6), [[1 - painted], [1.0]])
    road[:, 0] = 1
    if not soon:
        curves[0, :3], curves[1, :3], road[0, :2] = 1, 0, 1
    return Curves(curves[0], curves[1], road)


def found(own: Curves, random: Curves, edges: Curves) -> dict[str, Curves]:
    return {"Grad-CAM": own, "random": random, "edges": edges}


def test_what_is_said_of_the_curves_keeps_the_three_ways_apart() -> None:
    pixels, baselines = "the highlighted pixels", "random pixels or edges"
    best, better, other = line(0.1, 0.9, 0.8), line(0.3, 0.7, 0.1), line(0.4, 0.6, 0.2)
    assert [verdict_text.of_curves(found(best, better, other), removal) for removal in Removal] == [
        Answer(True, f"Removing {pixels} lowers the probability more than removing {baselines}."),
        Answer(True, f"Restoring {pixels} raises the probability more than restoring {baselines}."),
        Answer(True, f"Painting over {pixels} lowers the probability more than painting over {baselines}."),
    ]
    lame, none = line(0.4, 0.9, 0.2), "lowers the probability no more than removing random pixels or edges."
    gone, back, painted = Removal
    assert verdict_text.of_curves(found(lame, better, lame), gone).words.endswith(none)
    assert verdict_text.of_curves(found(lame, better, other), back).good
    assert verdict_text.of_curves(found(lame, better, other), painted).words.endswith(
        "no more than painting over edges."
    )
    assert verdict_text.below_chart(found(best, better, other), gone, False) == ":green[Clearly better than both.]"
    assert verdict_text.below_chart(found(lame, better, lame), gone, False) == ":orange[Worse than random pixels.]"
    assert (
        verdict_text.below_chart(found(lame, better, lame), painted, False) == ":orange[Not clearly better than edges.]"
    )
    assert "this proves little" in verdict_text.below_chart(found(best, better, other), gone, True)


@pytest.mark.parametrize("removal", Removal)
def test_a_tie_with_what_can_hardly_be_beaten_is_no_reproach(removal: Removal) -> None:
    best, middling, poor = line(0, 1, 1, soon=True), line(0.3, 0.7, 0.5, soon=True), line(0.6, 0.4, 0.2)
    tied = verdict_text.of_curves(found(best, poor, best), removal)
    assert tied.good is None
    assert tied.words.endswith("edges or random pixels do nearly as well as any method can.")
    assert verdict_text.of_curves(found(middling, poor, best), removal).good is False
    assert verdict_text.of_curves(found(best, poor, middling), removal).good is True


def test_where_random_pixels_do_at_once_nothing_is_said_of_the_method() -> None:
    curves = found(line(0.1, 0.9), line(0.1, 0.9, 0.8, soon=True), line(0.3, 0.7))
    for removal in Removal:
        assert verdict_text.of_curves(curves, removal).good is None
        assert "a random 10% of the pixels already" in verdict_text.of_curves(curves, removal).words
        assert verdict_text.below_chart(curves, removal, False).startswith(":orange[Uninformative here:]")


def test_what_should_add_up_joins_the_verdict() -> None:
    assert verdict_text.of_sum(Info()) is None
    assert verdict_text.of_sum(Info(completeness=[-0.02])) == Answer(
        True,
        "The map's values should add up to the rise in the class score from the baseline to the picture; the sum is "
        "off by 2.0%.",
    )
    lost = verdict_text.of_sum(Info(conservation=[0.0002]))
    assert lost == Answer(False, "The map's values add up to 0.0% of the class score.")
    assert verdict_text.of_sum(Info(conservation=[0.7])) == Answer(
        None, "The map's values add up to 70.0% of the class score."
    )
    turned = verdict_text.of_sum(Info(conservation=[-1.0]))
    assert turned
    assert turned.good is False


@pytest.mark.parametrize(
    ("answers", "judgement"),
    [
        ((True, True, True), "passes every test here."),
        ((None, True, True), "passes every test that applies here."),
        ((True, False, True), "use with caution."),
        ((None, False, True), "use with caution."),
        ((False, False, False), "do not rely on it here."),
        ((None, None, False), "do not rely on it here."),
        ((None, None, None), "the tests are uninformative here."),
    ],
)
def test_the_summary_is_a_verdict_and_a_line_for_each_test(answers: tuple[bool | None, ...], judgement: str) -> None:
    first, *lines = verdict_text.verdict_and_answers([Answer(answer, f"Of {answer}.") for answer in answers]).split(
        "  \n"
    )
    assert first == f"**Verdict:** {judgement}"
    assert all(line.endswith(f" Of {answer}.") for line, answer in zip(lines, answers, strict=True))
    assert all((":green[" in line) is (answer is True) for line, answer in zip(lines, answers, strict=True))
    assert all((":orange[" in line) is (answer is False) for line, answer in zip(lines, answers, strict=True))


def test_what_shuffled_weights_say_is_left_open_where_nothing_was_learned_or_nothing_came() -> None:
    assert verdict_text.of_shuffled({"fc": 0.4, "everything": 0.2}, untrained=False).good is True
    late = verdict_text.of_shuffled({"fc": 0.9, "everything": 0.2}, untrained=False)
    assert late == Answer(
        False, "Shuffling the last layer barely changes the map; shuffling earlier layers changes it clearly."
    )
    assert verdict_text.of_shuffled({"fc": 0.9, "everything": 0.8}, untrained=False).good is False
    assert verdict_text.of_shuffled({"fc": 0.9, "everything": 0.2}, untrained=True).good is None
    assert verdict_text.of_shuffled({}, untrained=False).good is None


@pytest.mark.parametrize(
    "info", [{"completeness": [math.nan]}, {"conservation": [math.nan]}, {"conservation": [-math.inf, 1.0]}]
)
def test_what_is_no_finite_share_is_not_told_in_percent(info: dict[str, list[float]]) -> None:
    answer = verdict_text.of_sum(Info.of(info))
    assert answer == Answer(None, "The sum cannot be tested: the target's score is not a finite number.")
