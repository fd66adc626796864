"""Class activation maps that need no gradient: read off the last linear layer's weights, or off the maps alone."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, View, default_layer, layout
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "CAM",
    paper="Zhou et al. 2016, «Learning Deep Features for Discriminative Localization»",
    use="In networks that end in an average and one linear layer: the exact share of each place in the logit.",
    avoid="In others, where it is not defined: Grad-CAM is the same where both are.",
    asks=Question.WHERE,
    also="class activation map, class activation mapping, global average pooling",
)
class ClassActivationMapping(Visualisation):
    """The first class activation map: the layer's maps, weighted by the classifier's own weights for the class.

    The raw array (N, h, w) is Σ W A: its average over the places, plus the classifier's bias, is the logit. That holds
    only where nothing but a global average and a linear layer follow, which is tried on the inputs; MirrorError
    elsewhere. https://arxiv.org/abs/1512.04150
    """

    look = staticmethod(render.heat)

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        output = self.view.capture(inputs, layer)
        maps = layout(self.view, inputs, layer, output).maps(output)
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        logits = target_score.predict(inputs)
        target = target_score.chosen(logits)
        weights = _averaged_by(self.view, maps, logits)
        if weights is None:
            raise MirrorError(
                "CAM needs a layer that only a global average and one linear layer follow, and more follows "
                f"'{layer}': {_instead(self.view, inputs, logits)}."
            )
        evidence = torch.einsum("nk,nkhw->nhw", weights[target], widened(maps))
        yield Attribution(evidence, {**target_score.info(target), "note": ""})


@visualisation(
    "Eigen-CAM",
    paper="Muhammad and Yeasin 2020, «Eigen-CAM», https://arxiv.org/abs/2008.00299",
    use="To see what a layer mainly answers to, without any class.",
    avoid="To explain a class: it does not know of any, and is the same for all of them.",
    asks=Question.FINDS,
    also="principal component analysis, PCA, singular value decomposition, SVD, class-agnostic activation map",
)
class EigenCam(Visualisation):
    """What most of a layer's maps have in common, whatever the class: their first principal component.

    The raw array (N, h, w) is A v, the maps (h · w, C) on their first right singular vector, not centred, as in the
    paper. The paper leaves the sign of a singular vector free. Here it is the one with which the map agrees with the
    evidence for the model's answer: Σ (A v) · Σ_c g A is positive, g being the gradient of the most likely class's
    logit. Where there is no such answer, the number of largest magnitude is positive, and a note says so.
    """

    look = staticmethod(render.heat)
    of_stages = True

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        output = self.view.capture(inputs, layer)
        held = layout(self.view, inputs, layer, output)
        maps = held.maps(widened(output))
        places = maps.flatten(2).mT
        _, _, directions = torch.linalg.svd(places, full_matrices=False)
        shared = (places @ directions[:, 0, :, None])[..., 0].unflatten(1, maps.shape[2:])
        note = "This is what the layer's maps have in common: it is the same for every class."
        try:
            agreement = shared * self._evidence(inputs, layer, held)
        except MirrorError:
            agreement = shared.flatten(1)
            agreement = agreement.gather(1, agreement.abs().argmax(1, keepdim=True))
            note += " Its sign is free: what is bright may as well be what is missing."
        total = agreement.flatten(1).sum(1)[:, None, None]
        yield Attribution(shared * torch.where(total < 0, -1, 1), {"note": note})

    def _evidence(self, inputs: Tensor, layer: str, held: Layout) -> Tensor:
        """Return the evidence (N, h, w) for the most likely class, place by place; raise MirrorError for no class."""
        target_score = TargetScore(self.view, inputs, None, self.output)
        output, answers = target_score.split(inputs, layer)
        score = target_score.score(answers, target_score.chosen(answers)).sum()
        (slope,) = torch.autograd.grad(score, output, allow_unused=True)
        if slope is None:
            raise target_score.apart(inputs, layer)
        return (held.maps(widened(slope)) * held.maps(widened(output.detach()))).sum(1)


def _averaged_by(view: View, maps: Tensor, logits: Tensor) -> Tensor | None:
    """Return the weights (classes, C) with which `logits` are the maps' averages, plus a bias; None where they are not.

    A 1 x 1 convolution before the average is the same as a linear layer behind it.
    """
    averages = widened(maps).mean((2, 3))
    # In half precision the root of eps would let nearly every number pass.
    eps = torch.finfo(maps.dtype).eps
    tolerance = max(torch.finfo(averages.dtype).eps ** 0.5, 8 * eps) * logits.abs().nan_to_num(posinf=0).max()
    for module in view.modules.values():
        if isinstance(module, nn.Linear | nn.Conv2d):
            weights = widened(module.weight.flatten(1))
            if weights.shape == (logits.shape[1], maps.shape[1]):
                bias = None if module.bias is None else widened(module.bias)
                expected = nn.functional.linear(averages, weights, bias)
                if torch.where(expected == logits, 0, (expected - logits).abs()).max() <= tolerance:
                    return weights
    return None


def _instead(view: View, inputs: Tensor, logits: Tensor) -> str:
    last = default_layer(view, inputs)
    output = view.capture(inputs, last) if last else inputs
    if output.ndim == 4 and _averaged_by(view, output, logits) is not None:
        return f"try '{last}'"
    return "take Grad-CAM, which is the same where CAM is defined"
