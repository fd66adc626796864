"""What is done around every visualisation: to its inputs, and to its raw numbers."""

import pytest
import torch
from torch import Tensor

from mirror_app import engine, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import Activations, GradCam, Gradient
from mirror_app.visualisations.core.transformations import INPUTS, OUTPUTS
from tests.app import lives, page
from tests.networks import ANYWHERE, Linear, bundled, quick
from tests.refused import refused

INPUT = torch.randn(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
LAYER = "features.3"


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_every_visualisation_takes_both_by_name_and_as_functions(entry: registry.Entry) -> None:
    visualisation = entry.kind(bundled())
    params = quick(entry)
    plain = visualisation(INPUT, LAYER, **params)[1]["raw"]
    halved = visualisation(INPUT / 2, LAYER, **params)[1]["raw"]
    by_function = visualisation(
        INPUT,
        LAYER,
        input_transformation=lambda inputs: inputs / 2,
        output_transformation=lambda raw: 2 * raw,
        **params,
    )[1]["raw"]
    assert torch.equal(by_function, 2 * halved)
    by_name = visualisation(INPUT, LAYER, output_transformation="absolute", **params)[1]["raw"]
    assert torch.equal(by_name, plain.abs())


@pytest.mark.parametrize("name", list(INPUTS)[1:])
def test_a_named_input_transformation_changes_what_the_model_sees(name: str) -> None:
    plain, changed = (Gradient(bundled())(INPUT, "", input_transformation=way)[1]["raw"] for way in ("none", name))
    assert plain.shape == changed.shape
    assert not torch.equal(plain, changed)
    assert torch.equal(changed, Gradient(bundled())(INPUTS[name](INPUT), "")[1]["raw"])


def test_the_named_output_transformations_are_what_they_say() -> None:
    raw = torch.tensor([[[-2.0, 0.0], [1.0, 4.0]]])
    expected = {
        "none": raw,
        "absolute": [[2, 0], [1, 4]],
        "positive only": [[0, 0], [1, 4]],
        "negative only": [[2, 0], [0, 0]],
        "smoothed": [[0.75, 0.75], [0.75, 0.75]],
        "largest = 1": [[-0.5, 0], [0.25, 1]],
    }
    assert set(expected) == set(OUTPUTS)
    for name, values in expected.items():
        found: Tensor = OUTPUTS[name](raw)
        assert torch.equal(found, torch.as_tensor(values, dtype=torch.float32).view(1, 2, 2)), name
    assert torch.equal(OUTPUTS["smoothed"](raw[0]), raw[0])  # a vector has no neighbours


def test_what_changes_the_shape_or_is_not_known_is_refused_by_name() -> None:
    def crop(inputs: Tensor) -> Tensor:
        return inputs[..., 1:]

    raw = GradCam(bundled())(INPUT, LAYER)[1]["raw"]
    for name, shape in (("input_transformation", INPUT.shape), ("output_transformation", raw.shape)):
        with refused(culprit="crop", accepted=str(tuple(shape))):
            GradCam(bundled())(INPUT, LAYER, **{name: crop})
        with refused(culprit="absolut", accepted=["none"], hint="Did you mean", problem=name):
            GradCam(bundled())(INPUT, LAYER, **{name: "absolut"})
    with refused(culprit="<lambda>", problem="NoneType"):
        Activations(Linear())(INPUT, None, output_transformation=lambda _: None)


@pytest.mark.page
def test_they_are_part_of_the_request_and_of_the_link() -> None:
    model, picture = catalogue.load("shapes"), examples()[0]
    params = (("input_transformation", "blurred"), ("output_transformation", "negative only"))
    request = Request("shapes", picture.id, "features", "grad-cam", params)
    assert engine.without_render_params(request) == request
    inputs = INPUTS["blurred"](model.preprocessing.prepare(picture))
    expected = GradCam(model.module)(inputs, "features")[1]["raw"]
    assert torch.equal(torch.from_numpy(engine.run(request, model, picture).raw), (-expected).clamp(min=0))
    test = page(**request.to_query())
    assert lives(test)
    assert test.selectbox(key="grad-cam.input_transformation").value == "blurred"
    assert test.query_params["output_transformation"] in ("negative only", ["negative only"])


def test_largest_is_one_is_the_share_that_pictures_show() -> None:
    raw = GradCam(bundled())(INPUT, LAYER)[1]["raw"]
    assert torch.equal(OUTPUTS["largest = 1"](raw), render.scale_by_peak(raw))
