"""Eigen-CAM: the first principal component of a layer's maps."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, layout
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Eigen-CAM",
    paper="Muhammad and Yeasin 2020, “Eigen-CAM”, https://arxiv.org/abs/2008.00299",
    use="To see what a layer mainly responds to, regardless of class.",
    avoid="To explain a class: it ignores the class and is the same for all of them.",
    asks=Question.FINDS,
    also="principal component analysis, PCA, singular value decomposition, SVD, class-agnostic activation map",
)
class EigenCam(Visualisation):
    """What a layer's maps have in common, whatever the class: their first principal component.

    The raw array (N, h, w) is A v, the maps (h · w, C) on their first right singular vector, not centred, as in the
    paper. The paper leaves the sign of a singular vector free. Here it is the one with which the map agrees with the
    evidence for the model's answer: Σ (A v) · Σ_c g A is positive, g being the gradient of the most likely class's
    logit. Where there is no such answer, the number of largest magnitude is positive, and a note says so.
    """

    look = staticmethod(render.heat)
    supports_all_stages = True

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
            raise target_score.no_dependence_error(inputs, layer)
        return (held.maps(widened(slope)) * held.maps(widened(output.detach()))).sum(1)
