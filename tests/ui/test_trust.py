"""The Trust page: its three questions, its warnings, and the page in a browser."""

from collections.abc import Generator
from contextlib import AbstractContextManager

import pytest
import streamlit as st
import torch
from torch import Tensor, nn

from mirror_app import engine, evaluation, live
from mirror_app.engine.jobs import Frames, Job, Jobs
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.evaluation import verdict
from mirror_app.images import Picture
from mirror_app.live import sessions
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model, catalogue
from tests.app import page
from tests.networks import Linear


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    st.cache_data.clear()


class HeadInABuffer(nn.Module):
    """A linear model of the pixels' means, whose gradient is flat; its last weight is frozen as a buffer."""

    head: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.net = Linear(classes=5)
        self.register_buffer("head", torch.rand(4, 5, generator=torch.Generator().manual_seed(0)))

    def forward(self, inputs: Tensor) -> Tensor:
        answers: Tensor = self.net(inputs) @ self.head.mT
        return answers


@pytest.mark.parametrize(("key", "is_flat"), [("back-prop", True), ("grad-cam", False)])
def test_the_page_says_which_weights_stay_and_where_there_is_nothing_to_compare(key: str, is_flat: bool) -> None:
    picture = torch.rand(3, 16, 12, generator=torch.Generator().manual_seed(0))
    made = live_session("buffer", picture, HeadInABuffer(), None, PreprocessingOverrides())
    live.add(made)
    try:
        test = page("trust", model=next(iter(made.models)), visualisation=key)
    finally:
        sessions._sessions.clear()
    assert not test.exception
    page_text = "\n".join(str(part.value) for part in (*test.caption, *test.markdown))
    assert "Buffers are not shuffled, although some may hold weights: head." in page_text
    assert ("cannot be compared" in page_text) is is_flat
    assert "nan" not in page_text


def test_the_page_asks_three_questions_and_answers_them() -> None:
    test = page("trust", visualisation="integrated-gradients", steps="4")
    assert not test.exception
    page_text = "\n".join(item.value for item in [*test.markdown, *test.caption])
    assert page_text.count("Area under the curve") == 3
    assert page_text.count(" shuffled") == len(evaluation.depths(engine.tree(catalogue.load("shapes"))))
    assert "Picture: checked heart · Class: *checked heart* (96.2%)" in page_text
    assert "the mean of 3 draws, with the seeds 0, 1 and 2" in page_text
    assert "set to 0 in the model's normalised" in page_text
    assert "The sum is off by" in page_text
    assert not test.warning


def test_the_page_warns_of_what_ignores_the_model_and_refuses_what_is_no_evidence() -> None:
    assert any("edges more than" in warning.value for warning in page("trust", visualisation="deconvnet").warning)
    test = page("trust", visualisation="activations")
    assert any("nothing to test" in box.value for box in test.info)
    assert [button.label for button in test.main.button] == ["Test Grad\\-CAM", "Test LRP", "Test Integrated gradients"]
    test.button(key="test grad-cam").click().run()
    assert not test.exception
    assert test.subheader[0].value == "Can Grad-CAM be trusted here?"
    assert any("Layer: `features`" in caption.value for caption in test.caption)


def test_a_look_costs_no_computation_and_a_model_that_fails_spoils_only_its_own_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shuffled_depths: list[str] = []
    shuffled = verdict.shuffled

    def counted(
        request: Request, model: Model, picture: Picture, result: engine.Result, depth: evaluation.Depth
    ) -> Generator[engine.Result, None, None]:
        shuffled_depths.append(depth.label)
        if depth.label == "classifier":
            raise MirrorError("This one is not finite.")
        return shuffled(request, model, picture, result, depth)

    monkeypatch.setattr(verdict, "shuffled", counted)
    test = page("trust")
    assert shuffled_depths == ["classifier", "all after features.4", "all after features.1", "everything"]
    assert any("classifier shuffled: This one is not finite" in caption.value for caption in test.caption)
    assert any("**Grad" in item.value or "is not measured" in item.value for item in test.markdown)
    shuffled_depths.clear()
    test.slider(key="grad-cam.strength").set_value(0.3).run()
    assert shuffled_depths == ["classifier"]  # what failed is tried again
    assert not test.exception


def test_no_two_computations_of_the_page_are_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    join = Jobs.join

    def noted(jobs: Jobs[object], key: str, frames: Frames[object]) -> AbstractContextManager[Job[object]]:
        keys.append(key)
        return join(jobs, key, frames)

    monkeypatch.setattr(Jobs, "join", noted)
    page("trust")
    assert len(keys) > 5
    assert len(set(keys)) == len(keys)


def test_of_a_model_that_is_not_sure_or_not_trained_this_is_said() -> None:
    test = page("trust", model="squeezenet1_1-untrained", visualisation="layer-cam")
    page_text = "\n".join(item.value for item in [*test.markdown, *test.caption])
    assert "the model is untrained" in page_text
    assert "little to remove" in page_text
    assert not test.exception
