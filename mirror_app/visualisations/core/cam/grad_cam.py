"""Where in a layer's maps the evidence for a class lies, by the gradient of the class's logit: a line for each paper.

All of them trade in `maps` A and `gradient` g = ∂y/∂A, both (N, C, h, w), and give a signed map (N, h, w), before the
paper's ReLU, which the look applies.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Annotated

import torch
from torch import Tensor

from mirror_app import probe, render
from mirror_app.errors import MirrorError
from mirror_app.params import Toggle
from mirror_app.precision import widened
from mirror_app.probe import Layout, default_layer, layout_of
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.gradients.back_prop import gradient
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

_ALIKE = 0.5  # a correlation below which two maps are not the same picture
_FAINT = 0.05  # of what speaks against a class: what speaks for it is hardly worth a look


class GradientCam(Visualisation):
    """What the gradient CAMs share: the maps, the gradient, the class; a paper adds how to combine them.

    Raises MirrorError where the layer has no spatial map, or where its maps do not reach the output.
    """

    look = staticmethod(render.heat)
    of_stages = True

    @abstractmethod
    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        """Return the evidence (N, h, w) in `maps` (N, C, h, w), by which `gradient` (N, C, h, w) is the logit's."""

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        """Return what a person must know about this method on these maps; nothing where all is well."""
        return ""

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        found = layout_of(self.view, inputs, layer)
        output, answers = target_score.split(inputs, layer)
        target = target_score.chosen(answers)
        (gradient,) = torch.autograd.grad(target_score.score(answers, target).sum(), output, allow_unused=True)
        if gradient is None:
            raise target_score.apart(inputs, layer)
        if gradient.any() and not found.maps(gradient).any():
            raise MirrorError(
                f"Of the layer '{layer}' only the class token reaches the output, and that has no place in the "
                f"picture: try '{_last_with_gradient(target_score, inputs[:1], output[:1], found, target[:1])}'."
            )
        maps, slope = found.maps(widened(output.detach())), found.maps(widened(gradient))
        evidence = self.combine(maps, slope)
        note = _note(evidence, gradient) or self.caution(maps, slope)
        yield Attribution(evidence, {**target_score.info(target), "note": note})


@visualisation(
    "Grad-CAM",
    paper="Selvaraju et al. 2017, «Grad-CAM», https://arxiv.org/abs/1610.02391",
    use="As the first answer to «where»: quick, tells classes apart, works in nearly every network.",
    avoid="For fine outlines: it is as coarse as the layer's maps. At early layers prefer Layer-CAM or HiRes-CAM.",
    asks=Question.WHERE,
    also="gradient-weighted class activation mapping, guided Grad-CAM, why not another class, evidence against",
)
class GradCam(GradientCam):
    """Where the model sees the class: the layer's maps, each weighted by how much the class's logit grows with it.

    The raw array is the signed sum (N, h, w), before the paper's ReLU, which the look applies. Guided, it is that ReLU
    enlarged to the picture (bilinear) times the guided gradient: (N, C, H, W). `cam` in the info is the sum behind the
    ReLU in both cases, (h, w) of one picture or (N, h, w) of several.
    """

    @classmethod
    def ignores_model(cls, params: Mapping[str, object]) -> bool:
        return bool(params.get("guide"))

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


@visualisation(
    "Grad-CAM++",
    paper="Chattopadhay et al. 2018, «Grad-CAM++», https://arxiv.org/abs/1710.11063",
    use="When several things of one class are in the picture.",
    avoid="To see evidence against a class, or to be exact: its weights are heuristic, and hardly depend on the class.",
    asks=Question.WHERE,
    also="class activation map, several objects",
)
class GradCamPlusPlus(GradientCam):
    """Grad-CAM for a class that is seen several times: each place counts on its own, so that small ones are not lost.

    Each map's weight is the sum of α · ReLU(g) with α = g² / (2 g² + g³ · ΣA), the paper's equation 19. The paper's
    factor exp(y), one number for the whole picture, is left out. Made for maps that are not negative: elsewhere the
    denominator may vanish, and a note warns.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        # g² is cancelled, so that small gradients are as exact as large ones; where g ≤ 0 the ReLU leaves nothing.
        share = gradient.relu() / (2 + gradient * maps.sum((2, 3), keepdim=True))
        return (share.sum((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        return _on_negative(maps)


@visualisation(
    "XGrad-CAM",
    paper="Fu et al. 2020, «Axiom-based Grad-CAM», https://arxiv.org/abs/2008.02312",
    use="Like Grad-CAM, where its plain averaging of the gradient seems doubtful.",
    avoid="For networks whose maps sum up to nearly nothing: the weights are shares of that sum.",
    asks=Question.WHERE,
    also="class activation map, axiom-based Grad-CAM, axiomatic",
)
class XGradCam(GradientCam):
    """Grad-CAM with weights that obey two axioms: each place counts by its share of the map, not equally.

    Each map's weight is Σ g · A / ΣA; a map whose sum is zero has none. The whole picture's evidence is then Σ g · A.
    For maps with negative numbers, too, the sum may vanish, and a note warns.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        total = maps.sum((2, 3), keepdim=True)
        share = maps / torch.where(total == 0, torch.inf, total)
        return ((gradient * share).sum((2, 3), keepdim=True) * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        return _on_negative(maps)


@visualisation(
    "HiRes-CAM",
    paper="Draelos and Carin 2020, «HiResCAM», https://arxiv.org/abs/2011.08891",
    use="When you must be sure that a place was used: before a linear classifier it shows exactly what was added.",
    avoid="For smooth pictures: it keeps the grain of the gradient, above all in early layers.",
    asks=Question.WHERE,
    also="class activation map, high-resolution CAM, element-wise Grad-CAM",
)
class HiResCam(GradientCam):
    """Only places that the model really used: maps times gradient, place by place, without Grad-CAM's averaging.

    Zero where a layer norm over the maps is all that reads a place, as between the blocks of a vision transformer: to
    it the size of a place's maps is nothing, so that the products cancel. A note says so.
    """

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient * maps).sum(1)

    def caution(self, maps: Tensor, gradient: Tensor) -> str:
        products = gradient * maps
        if products.sum(1).abs().max() < 1e-3 * products.abs().sum(1).max():
            return "Maps and gradient cancel at each place, as in front of a layer norm: choose the layer norm itself."
        return ""


@visualisation(
    "Layer-CAM",
    paper="Jiang et al. 2021, «LayerCAM», https://doi.org/10.1109/TIP.2021.3089943",
    use="For finer maps, from layers with more places.",
    avoid="To see evidence against a class: it leaves out whatever has a negative gradient.",
    asks=Question.WHERE,
    also="class activation map, fine-grained CAM",
)
class LayerCam(GradientCam):
    """Fine maps from early layers too: at each place only what would raise the class's logit counts."""

    def combine(self, maps: Tensor, gradient: Tensor) -> Tensor:
        return (gradient.relu() * maps).sum(1)


def _last_with_gradient(target_score: TargetScore, inputs: Tensor, like: Tensor, found: Layout, target: Tensor) -> str:
    """Return the last layer to begin, of those with the same tokens, whose places reach the output."""
    with torch.no_grad():
        target_score.view.record_calls(inputs)
    for name, call in sorted(target_score.view.calls.items(), key=lambda item: -item[1].order):
        if call.shape and call.shape[:1] == like.shape[1:2] and len(call.shape) == like.ndim - 1:
            output, answers = target_score.split(inputs, name)
            (slope,) = torch.autograd.grad(target_score.score(answers, target).sum(), output, allow_unused=True)
            if slope is not None and found.maps(slope).any():
                return name
    return default_layer(target_score.view, inputs)


def _on_negative(maps: Tensor) -> str:
    if (maps < 0).any():
        return "This method is made for maps that are not negative, as behind a ReLU: here some are, so mind it."
    return ""


def _note(evidence: Tensor, gradient: Tensor) -> str:
    if not gradient.any():
        return "The gradient is zero everywhere: this layer does not move the target's score."
    if not evidence.any():
        return "The map is zero everywhere: at no place do the layer's maps and their gradient come together."
    most, least = float(evidence.max()), float(evidence.min())
    against = "switch «Evidence against, too» on (under «Look») to see what speaks against it."
    if most <= 0:
        return f"Nothing in this layer speaks for the target: {against}"
    if most < _FAINT * -least:
        return f"Hardly anything in this layer speaks for the target: {against}"
    return ""
