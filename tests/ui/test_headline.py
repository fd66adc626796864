"""The head of Explore is the model's answer; beside each other class, one asks why it is not the answer."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mirror_app.engine import Prediction
from mirror_app.models import catalogue
from mirror_app.params import TARGET
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.outputs import Box
from mirror_app.ui.explore.headline import answer
from mirror_app.visualisations import registry
from tests.app import head, page, png, upload

pytestmark = pytest.mark.page
MODEL = catalogue.load("shapes")
CLASSES = MODEL.classes
ANSWER = CLASSES.index("checked heart")


def shown_params(test: AppTest) -> dict[str, object]:
    return dict(test.session_state.mirror.request.params)


def test_the_answer_is_the_headline_and_below_it_stands_what_the_picture_shows() -> None:
    test = page()
    assert test.subheader[0].value.startswith("checked heart")
    assert "96" in test.subheader[0].value
    grad_cam = registry.get("grad-cam")
    assert head(test) == (grad_cam.name, grad_cam.summary)


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (Prediction(np.array([0.0, 9.0]), OutputMeaning(OutputKind.CLASSES), "2", 0.0), f"{CLASSES[1]} · 100.0%"),
        (Prediction(np.array([3.25]), OutputMeaning(OutputKind.NUMBERS), "1", 0.0), f"{CLASSES[0]} · 3.25"),
        (Prediction(np.zeros(8), OutputMeaning(OutputKind.EMBEDDING), "8", 0.0), ""),
        (
            Prediction(np.empty(0), None, "", 0.0, (Box(":scores:0", 1, 0.98, (0, 0, 1, 1)),) * 3),
            f"{CLASSES[1]} · 98%, and 2 more",
        ),
    ],
)
def test_each_kind_of_answer_has_a_headline_or_none(prediction: Prediction, words: str) -> None:
    assert answer(prediction, MODEL) == words


def test_why_not_another_class_explains_the_difference_by_name() -> None:
    test = page()
    others = [button for button in test.button if str(button.key).startswith("why-not-")]
    assert len(others) == 4  # not beside the answer itself
    other = int(str(others[0].key).removeprefix("why-not-"))
    others[0].click().run()
    assert shown_params(test)[TARGET] == f"{ANSWER} - {other}"
    assert not test.exception
    assert any(f"checked heart minus {CLASSES[other]}" in caption.value for caption in test.caption)
    assert test.subheader[0].value.startswith("checked heart")


def test_the_row_and_rank_of_the_target_stand_in_the_answer() -> None:
    most_likely = {button.key for button in page().button}
    last = next(number for number in range(len(CLASSES)) if f"ask-{number}" not in most_likely)
    test = page(target_class=str(last))
    (row,) = (button for button in test.button if button.key == f"ask-{last}")
    assert CLASSES[last] in row.label
    assert "rank" in row.label


def test_a_photograph_leads_from_the_demo_model_to_one_that_has_seen_photographs() -> None:
    test = page()
    assert not any("drawn shapes only" in caption.value for caption in test.caption)
    assert any("knows drawn shapes" in caption.value for caption in test.sidebar.caption)
    test = upload(test, "holiday.png", png())
    assert any("drawn shapes only" in caption.value for caption in test.caption)
    assert any("squeezenet1_1" in button.label for button in test.button)
