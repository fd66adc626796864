"""Grad-CAM: each map weighted by the mean of its gradient."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.params import Toggle
from mirror_app.visualisations.core.base import Attribution, TargetClass
from mirror_app.visualisations.core.cam.gradient_cam import GradientCam
from mirror_app.visualisations.core.gradients.back_prop import Guidable, gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

_ALIKE = 0.5  # a correlation below which two maps are not the same picture


@visualisation(
    "Grad-CAM",
    paper="Selvaraju et al. 2017, “Grad-CAM”, https://arxiv.org/abs/1610.02391",
    use="As a first look at where the evidence is: fast, class-specific, and it works in nearly every network.",
    avoid="For fine outlines: it is as coarse as the layer's maps. At early layers, prefer Layer-CAM or HiRes-CAM.",
    asks=Question.WHERE,
    also="gradient-weighted class activation mapping, guided Grad-CAM, why not another class, evidence against",
)
class GradCam(Guidable, GradientCam):
    """Which parts of the picture push the model towards this class.

    The raw array is the signed sum (N, h, w), before the paper's ReLU, which the look applies. Guided, it is that ReLU
    enlarged to the picture (bilinear) times the guided gradient: (N, C, H, W). `cam` in the info is the sum behind the
    ReLU in both cases, (h, w) of one picture or (N, h, w) of several.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        averaged, place_by_place = self.combine(maps, gradient), (gradient * maps).sum(1)
        alike = float(torch.corrcoef(torch.stack([averaged.flatten(), place_by_place.flatten()]))[0, 1])
        if not alike < _ALIKE:  # nor where one of them is flat, and there is no correlation
            return ""
        return (
            "Do not rely on Grad-CAM here: it averages each map's gradient over all places, and its picture has little "
            "in common with HiRes-CAM's, which does not. Take HiRes-CAM, Layer-CAM, or a later layer."
        )

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        guide: Annotated[
            bool,
            Toggle(
                "Times the guided gradient: fine detail, which shows edges even where they do not matter.", "Guided"
            ),
        ] = False,
        target_class: TargetClass = None,
    ) -> Iterator[Attribution]:
        for plain in super().attribute(inputs, layer, target_class=target_class):
            cam = plain.raw.relu()
            if not guide:
                yield Attribution(plain.raw, plain.info, {"cam": cam})
                continue
            fine, _ = gradient(TargetScore(self.view, inputs, target_class, self.output), inputs, rewrite=probe.guide)
            coarse = render.resize(cam, (inputs.shape[2], inputs.shape[3]))
            yield Attribution(coarse[:, None] * fine, plain.info, {"cam": cam})
