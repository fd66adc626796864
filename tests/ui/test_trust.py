"""The Trust page: its three questions, its warnings, and the page in a browser."""

import math
import re
from collections.abc import Generator
from contextlib import AbstractContextManager

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from mirror_app import engine, evaluation, layers, live
from mirror_app.engine.jobs import Frames, Job, Jobs
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.evaluation import verdict
from mirror_app.images import Picture
from mirror_app.live import sessions
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import Model
from mirror_app.turns import Visitor
from mirror_app.ui import store
from mirror_app.ui.trust import trust_tests, verdict_text
from tests.app import captions, container, figures, page, plain
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


def told(test: AppTest) -> list[str]:
    """What the page says below its headings, such as the answer to each question."""
    return [plain(part.value) for part in test.main.markdown if "<style" not in part.value]


def questions(test: AppTest) -> list[str]:
    """The headings of the tests that the page makes."""
    return [text for text in told(test) if text.startswith("#### ")]


def areas(test: AppTest, number: int) -> list[str]:
    """The areas below the curves of a chart."""
    curves = container(test, "trust-curves")
    assert curves is not None
    assert len(curves.get("vega_lite_chart")) == 3
    return [figure for figure in figures(curves.caption[number].value) if re.fullmatch(r"-?\d\.\d{3}", figure)]


def shuffled_maps(test: AppTest) -> list[str]:
    """What stands below the maps of models with shuffled weights; the first map is that of the model itself."""
    maps = container(test, "trust-shuffled")
    assert maps is not None
    assert len(maps.get("image")) == len(maps.caption)
    return [plain(caption.value) for caption in maps.caption][1:]


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
    flat = verdict_text.of_shuffled({"classifier": math.nan}, untrained=False)
    assert any(re.search(r": head\.$", caption) for caption in captions(test))  # the buffer
    assert (flat.words in told(test)) is is_flat
    assert "nan" not in "\n".join(told(test))


def test_the_page_asks_three_questions_and_answers_them() -> None:
    test = page("trust", visualisation="integrated-gradients", steps="4")
    assert not test.exception
    model = store.model("shapes")
    assert len(questions(test)) == 3
    assert [len(areas(test, number)) for number in range(3)] == [3, 3, 3]
    shuffled, depths = shuffled_maps(test), evaluation.depths(engine.tree(model))
    assert len(shuffled) == len(depths)
    assert all(depth.label in caption for depth, caption in zip(depths, shuffled, strict=True))
    assert captions(test)[1].count("checked heart") == 2  # the picture and its class
    assert "*checked heart* (96.2%)" in captions(test)[1]
    drawn = [verdict.DRAWS, *range(verdict.SEED, verdict.SEED + verdict.DRAWS)]
    assert [*map(str, drawn), "0"] in [figures(caption) for caption in captions(test)]  # and what is put in place
    result = store.cached_result(test.session_state.mirror.request)
    assert result is not None
    assert result.info.completeness
    assert figures(told(test)[-1]) == [f"{abs(result.info.completeness[0]):.2%}"]
    assert not test.warning


def test_the_page_warns_of_what_ignores_the_model_and_refuses_what_is_no_evidence() -> None:
    test = page("trust", visualisation="deconvnet")
    (box,) = test.warning
    assert "Deconvnet" in box.value
    assert container(test, "in-short") is None  # in place of a verdict
    assert len(questions(test)) == 3
    test = page("trust", visualisation="activations")
    (notice,) = test.info
    assert "Activations" in notice.value
    assert questions(test) == []
    assert [button.label for button in test.main.button] == ["Test Grad\\-CAM", "Test LRP", "Test Integrated gradients"]
    test.button(key="test grad-cam").click().run()
    assert not test.exception
    assert "Grad-CAM" in test.subheader[0].value
    assert len(questions(test)) == 3
    assert "`features`" in captions(test)[1]


def test_of_every_stage_the_page_leads_on_to_a_single_layer() -> None:
    test = page("trust", layer=layers.EVERY)
    (notice,) = test.info
    assert notice.value.startswith("One layer is tested at a time")
    assert questions(test) == []
    button = test.button(key="test-layer")
    assert button.label == "Test the layer features"
    button.click().run()
    assert not test.exception
    assert not test.session_state["everywhere"]
    assert len(questions(test)) == 3
    assert "`features`" in captions(test)[1]
    assert test.query_params["layer"] == "features"


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
    assert shuffled_depths == ["classifier", "everything after features.4", "everything after features.1", "everything"]
    (failed,) = (caption for caption in shuffled_maps(test) if "This one is not finite" in caption)
    assert failed.startswith("classifier")
    assert len(questions(test)) == 3
    shuffled_depths.clear()
    test.slider(key="grad-cam.strength").set_value(0.3).run()
    assert shuffled_depths == ["classifier"]  # what failed is tried again
    assert not test.exception


def test_no_two_computations_of_the_page_are_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    join = Jobs.join

    def noted(
        jobs: Jobs[object], key: str, frames: Frames[object], visitor: Visitor
    ) -> AbstractContextManager[Job[object]]:
        keys.append(key)
        return join(jobs, key, frames, visitor)

    monkeypatch.setattr(Jobs, "join", noted)
    page("trust")
    assert len(keys) > 5
    assert len(set(keys)) == len(keys)


def test_of_a_model_that_is_not_sure_or_not_trained_this_is_said() -> None:
    test = page("trust", model="shufflenet_v2_x0_5-untrained", visualisation="layer-cam")
    assert not test.exception
    assert verdict_text.of_shuffled({}, untrained=True).words in told(test)
    request, picture = test.session_state.mirror.request, test.session_state.mirror.selected_picture
    probability = store.prediction(store.model(request.model), picture).probabilities.max()
    assert probability < trust_tests.LOW_PROBABILITY
    curves = container(test, "trust-curves")
    assert curves is not None
    assert figures(curves.caption[-1].value) == [f"{probability:.1%}"]
