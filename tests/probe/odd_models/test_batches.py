"""The batch axis is found out, and pictures that influence each other run one at a time."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mirror_app import engine
from mirror_app.engine.request import Request
from mirror_app.evaluation import verdict
from mirror_app.images import Preprocessing, from_tensor
from mirror_app.models import Model
from mirror_app.probe import View
from mirror_app.visualisations.core import (
    LRP,
    AblationCam,
    ClassActivationMapping,
    GradCam,
    Gradient,
    HiResCam,
    IntegratedGradients,
    LayerCam,
    Occlusion,
    Rise,
    ScoreCam,
    Visualisation,
)
from tests.networks import Linear, state
from tests.odd_models import batches
from tests.odd_models.base import Small
from tests.probe.odd_models.checks import ONE, PICTURES, Build, slopes
from tests.refused import refused


@pytest.mark.parametrize("build", batches.AXES)
def test_an_answer_that_does_not_begin_with_the_batch_is_read_for_each_picture(build: Build) -> None:
    model = build().eval()
    before = state(model)
    for pictures in (ONE, PICTURES[:2], PICTURES, PICTURES[[0, 1, 2, 0, 1]]):  # also as many pictures as classes
        top = [int(Small()(picture).argmax()) for picture in pictures.split(1)]
        _, info = Gradient(model)(pictures, target_class=2)
        assert torch.allclose(info["raw"], slopes(Small(), pictures, 2), atol=1e-7)
        assert info["prediction"] == top
        _, info = GradCam(model)(pictures, "conv")
        assert info["target_class"] == info["prediction"] == top
        assert torch.allclose(info["raw"], GradCam(Small())(pictures, "conv")[1]["raw"], atol=1e-6)
    assert torch.allclose(Rise(model)(ONE, n=100)[1]["raw"], Rise(Small())(ONE, n=100)[1]["raw"], atol=1e-6)
    assert state(model) == before


def test_the_axis_of_the_batch_is_found_behind_a_sequence() -> None:
    model = batches.SequenceFirst().eval()
    for number, factor in enumerate((0, 1, 2)):
        raw = Gradient(model)(ONE, target_class=f":{number}@1")[1]["raw"]
        assert torch.allclose(raw, factor * slopes(Small(), ONE, 1), atol=1e-7)
    with refused(culprit="3 × 5", accepted="one logit per class", hint="':2@0'"):
        Gradient(model)(PICTURES)


def test_a_scalar_is_the_one_answer_of_one_picture() -> None:
    model = batches.Alone().eval()
    for pictures in (ONE, PICTURES):
        raw = Gradient(model)(pictures, target_class=0)[1]["raw"]
        assert torch.allclose(raw, slopes(model, pictures, 0), atol=1e-7)


@pytest.mark.parametrize("build", batches.COUPLED)
def test_pictures_that_change_each_others_answers_go_one_at_a_time(build: Build) -> None:
    model = build().eval()
    _, info = Gradient(model)(PICTURES, target_class=2)
    assert torch.allclose(info["raw"], slopes(model, PICTURES, 2), atol=1e-6)
    assert "each picture was run alone" in info["note"]
    _, occluded = Occlusion(model)(ONE, patch=6, stride=6, target_class=2)
    hidden = ONE.clone()
    hidden[:, :, :6, :6] = 0
    assert torch.allclose(occluded["raw"][0, 0, 0], (model(ONE) - model(hidden))[0, 2], atol=1e-6)
    assert "note" not in Gradient(Small())(PICTURES)[1]


@pytest.mark.parametrize("build", batches.MASKED)
@pytest.mark.parametrize("kind", [GradCam, AblationCam, LRP, ScoreCam, Occlusion, IntegratedGradients, Rise])
def test_classes_that_are_masked_leave_the_others_as_they_are(build: Build, kind: type[Visualisation]) -> None:
    plain = Small().eval()
    if kind is Rise:  # whose softmax goes over the classes that are left
        plain.head.bias.data[0] = -1e4
    options: dict[str, Any] = {"n": 100} if kind is Rise else {"patch": 4, "stride": 4} if kind is Occlusion else {}
    (_, found), (_, expected) = (
        kind(model)(ONE, "conv", target_class=2, **options) for model in (build().eval(), plain)
    )
    assert torch.allclose(found["raw"], expected["raw"], atol=1e-6)
    assert found["raw"].any()
    assert found.get("note", "") == expected.get("note", "")


def test_cam_knows_a_linear_layer_with_masked_classes() -> None:
    model, plain = Linear(classes=5), Linear(classes=5)
    model.classifier.bias.data[[0, 3]] = -torch.inf
    raws = [ClassActivationMapping(each)(ONE, "maps", target_class=2)[1]["raw"] for each in (model, plain)]
    assert torch.equal(*raws)


@pytest.mark.parametrize("build", batches.MASKED)
def test_the_copy_of_a_model_with_masked_classes_answers_as_the_model(build: Build) -> None:
    preprocessing = Preprocessing(12, 12, (0.0,) * 3, (1.0,) * 3)
    picture = from_tensor(ONE[0], "one", preprocessing)
    assert engine.predict(Model("odd", build().eval(), preprocessing, tuple("abcde")), picture).deviation == 0


@pytest.mark.parametrize("build", batches.SORTED)
def test_a_model_that_sorts_its_pictures_is_found_out_by_any_picture(build: Build) -> None:
    for number in range(12):
        generator = torch.Generator().manual_seed(number)
        picture = torch.rand(1, 3, 12, 12, generator=generator) * torch.rand(1, generator=generator)
        view = View(build().eval())
        view.ensure_observed(picture)
        assert not view.is_batch_independent
    raw = Occlusion(build().eval())(picture, patch=4, stride=4, target_class=2)[1]["raw"]
    assert torch.allclose(
        raw, Occlusion(Small().eval())(picture, patch=4, stride=4, target_class=2)[1]["raw"], atol=1e-6
    )


@pytest.mark.parametrize("build", batches.TOGETHER_OTHERWISE)
def test_the_prediction_beside_a_named_target_is_that_of_each_picture_alone(build: Build) -> None:
    model = build().eval()
    alone = [int(model(picture).argmax()) for picture in PICTURES.split(1)]
    for visualisation in (GradCam(model), Gradient(model), Rise(model)):
        few = {"n": 100} if isinstance(visualisation, Rise) else {}
        _, info = visualisation(PICTURES, "conv", target_class=2, **few)
        assert info["prediction"] == alone
        assert "each picture was run alone" in info["note"]


@pytest.mark.parametrize("build", batches.TOGETHER_OTHERWISE)
def test_the_curves_of_trust_are_those_of_each_picture_alone(build: Build) -> None:
    module, preprocessing = build().eval(), Preprocessing(12, 12, (0.0,) * 3, (1.0,) * 3)
    model, picture = Model("odd", module, preprocessing, tuple("abcde")), from_tensor(ONE[0], "one", preprocessing)
    request = Request("odd", picture.id, "conv", "back-prop", (("target_class", 2),))
    (found,) = verdict.curves(request, model, picture, engine.run(request, model, picture))
    with torch.no_grad():
        ends = [float(module(pictures).softmax(1)[0, 2]) for pictures in (ONE, torch.zeros_like(ONE))]
    assert found.deletion[[0, -1]] == pytest.approx(ends, abs=1e-5)


@pytest.mark.parametrize("build", batches.RAISING)
def test_a_batch_refused_with_any_error_is_run_picture_by_picture(build: Build) -> None:
    model = build().eval()
    _, info = Gradient(model)(PICTURES, target_class=2)
    assert torch.allclose(info["raw"], slopes(Small(), PICTURES, 2), atol=1e-7)
    assert torch.allclose(Rise(model)(ONE, n=100)[1]["raw"], Rise(Small())(ONE, n=100)[1]["raw"], atol=1e-6)


class Silent(Small):
    """All maps of its last convolution are zero, and the answer has a slope by them all the same."""

    def __init__(self) -> None:
        super().__init__()
        for parameter in self.conv.parameters():
            parameter.data.zero_()

    def maps(self, inputs: Tensor) -> Tensor:
        return self.conv(self.first(inputs))


@pytest.mark.parametrize("kind", [GradCam, HiResCam, LayerCam])
def test_a_map_that_is_zero_everywhere_is_told_as_that(kind: type[Visualisation]) -> None:
    note = kind(Silent().eval())(ONE, "conv", target_class=2)[1]["note"]
    assert note.startswith("The heat map is zero everywhere")
