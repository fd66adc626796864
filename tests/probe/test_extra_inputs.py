"""What a model takes beside the pictures belongs to one call: the next call has its own."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mirror_app.probe import View
from mirror_app.visualisations.core import GradCam, Gradient, Info, Occlusion, Visualisation
from tests.refused import refused


class Shifted(nn.Module):
    """A classifier whose logits a second input shifts; without it, nothing is shifted."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maps = nn.Conv2d(3, 4, 3, padding=1)
        self.classifier = nn.Linear(4, 3)

    def forward(self, pictures: Tensor, shift: Tensor | None = None) -> Tensor:
        logits: Tensor = self.classifier(self.maps(pictures).relu().mean((2, 3)))
        return logits if shift is None else logits * shift


PICTURES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
SHIFT = torch.tensor([[-3.0, 2.0, 5.0]])

METHODS: dict[str, tuple[type[Visualisation], dict[str, int]]] = {
    "Grad-CAM": (GradCam, {"target_class": 0}),
    "Back Prop": (Gradient, {"target_class": 1}),
    "Occlusion": (Occlusion, {"target_class": 2, "patch": 8, "stride": 8}),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_call_without_extra_inputs_is_as_if_none_were_ever_given(method: str) -> None:
    kind, params = METHODS[method]
    visualisation = kind(Shifted())
    before = visualisation(PICTURES, "maps", **params)[1]["raw"]
    shifted = visualisation((PICTURES, SHIFT), "maps", **params)[1]["raw"]
    after = visualisation(PICTURES, "maps", **params)[1]["raw"]
    assert not torch.equal(before, shifted)
    assert torch.equal(before, after)


def test_a_call_that_fails_leaves_no_extra_inputs_behind() -> None:
    visualisation = GradCam(Shifted())
    before = visualisation(PICTURES, "maps", target_class=0)[1]["raw"]
    with refused(culprit="9", accepted="0 to "):
        visualisation((PICTURES, SHIFT), "maps", target_class=9)
    assert torch.equal(before, visualisation(PICTURES, "maps", target_class=0)[1]["raw"])


def test_a_view_keeps_the_extra_inputs_that_it_was_lent_with() -> None:
    model = Shifted()
    view = View(model)
    view.extra_inputs = (SHIFT,)
    shown = GradCam(view)
    expected = GradCam(model)((PICTURES, SHIFT), "maps", target_class=0)[1]["raw"]
    shown((PICTURES, -SHIFT), "maps", target_class=0)
    assert torch.equal(shown(PICTURES, "maps", target_class=0)[1]["raw"], expected)


def test_own_calls_that_go_on_to_the_base_class_take_a_tuple() -> None:
    class Twice(GradCam):
        def __call__(self, inputs: Any, layer: Any = None, **params: Any) -> tuple[Tensor, Info]:
            images, info = super().__call__(inputs, layer, **params)
            return images.repeat(2, 1, 1, 1), info

    images, _ = Twice(Shifted())((PICTURES, SHIFT), "maps", target_class=0)
    assert len(images) == 2 * len(PICTURES)
