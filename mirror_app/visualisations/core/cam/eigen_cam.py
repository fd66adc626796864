"""Eigen-CAM: the first principal component of a layer's maps."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, layout
from mirror_app.visualisations.core.base import Attribution, Info, Visualisation
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

        raw = A v_1        A = U Σ Vᵀ

    The matrix A (h · w, K) holds the K maps of one picture, not centred, as its columns. v_1 is its first right
    singular vector. The sign of a singular vector is arbitrary. Here, the sign is chosen so that the map agrees with
    the evidence for the most likely class: the sum over all locations of raw · Σ_k g_k A_k is positive, where g is the
    gradient of the logit of this class with respect to the maps. If the model has no most likely class, the sign is
    chosen so that the raw value of largest magnitude is positive, and a note says that the sign is arbitrary.

    Args:
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: Dotted name of a layer with spatial maps (N, K, h, w), or the submodule itself. None is the end of the
            last stage of the network that has maps; "*" is every stage.

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), signed, in units of activations;
        `info["note"]`, which says how to read the map.

    Raises:
        MirrorError: If the layer has no spatial maps.

    Example:
        >>> import torch
        >>> from torchvision.models import resnet18
        >>> from mirror_app.visualisations.core import EigenCam
        >>> images, info = EigenCam(resnet18().eval())(torch.rand(1, 3, 64, 64), "layer3")
        >>> images.shape, info["raw"].shape
        (torch.Size([1, 3, 64, 64]), torch.Size([1, 4, 4]))

    References:
        Muhammad and Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components",
        https://arxiv.org/abs/2008.00299

    Deviations from the paper:
        The paper leaves the sign of the singular vector open; here it is chosen as described above.
    """

    look = render.heat
    supports_all_stages = True

    def attribute(self, inputs: Tensor, layer: str) -> Iterator[Attribution]:
        output = self.view.capture(inputs, layer)
        maps_layout = layout(self.view, inputs, layer, output)
        maps = maps_layout.maps(widened(output))
        matrix = maps.flatten(2).mT
        _, _, right_vectors = torch.linalg.svd(matrix, full_matrices=False)
        component = (matrix @ right_vectors[:, 0, :, None])[..., 0].unflatten(1, maps.shape[2:])
        note = "This is what the layer's maps have in common: it is the same for every class."
        try:
            agreement = component * self._evidence(inputs, layer, maps_layout)
        except MirrorError:
            agreement = component.flatten(1)
            agreement = agreement.gather(1, agreement.abs().argmax(1, keepdim=True))
            note += " Its sign is arbitrary: bright may also mean that the feature is missing."
        total = agreement.flatten(1).sum(1)[:, None, None]
        yield Attribution(component * torch.where(total < 0, -1, 1), Info(note=note))

    def _evidence(self, inputs: Tensor, layer: str, maps_layout: Layout) -> Tensor:
        """Return the evidence for the most likely class, (N, h, w); raise MirrorError if there is no such class."""
        target_score = TargetScore(self.view, inputs, None, self.output)
        output, answers = target_score.split(inputs, layer)
        score = target_score.score(answers, target_score.chosen(answers)).sum()
        (gradient,) = torch.autograd.grad(score, output, allow_unused=True)
        if gradient is None:
            raise target_score.no_dependence_error(inputs, layer)
        return (maps_layout.maps(widened(gradient)) * maps_layout.maps(widened(output.detach()))).sum(1)
