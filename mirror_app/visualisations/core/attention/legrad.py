"""LeGrad: how the target's score depends on the attention weights of all layers."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.visualisations.core.attention.reading import weights_and_gradients
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "LeGrad",
    paper="Bousselham et al. 2024, “LeGrad”, https://arxiv.org/abs/2404.03214",
    use="To see which parts of the picture speak for the chosen class, in transformers with windows or stages too.",
    avoid="To see evidence against a class: it ignores weights whose increase would lower the score.",
    asks=Question.WHERE,
    also="attention gradient, explainability of vision transformers, ViT, Swin, CLIP",
)
class LeGrad(Visualisation):
    """Where more attention would raise the target's score, averaged over all attention layers.

        raw = mean over the layers of E_l        E_l = mean over heads and queries of ReLU(∂y/∂W_l)

    W_l are the attention weights of layer l, and y is the target's score (the logit of a class). E_l has one number for
    each key, which stands at the key's place on the picture. Layers with coarser grids are enlarged to the finest one.

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because all attention layers count.
        target_class: The number of a class, from 0. None is the most likely class of each picture. A string names
            another target, such as ":out:15@12,80".

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), 0 or more, in logits per unit of
        attention; `info["target_class"]`, the class of each picture.

    Raises:
        MirrorError: If the model has no attention with a softmax, if the target does not depend on it, or if the tokens
            of a layer do not correspond to locations in the picture.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.visualisations.core import LeGrad
        >>> model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16)
        >>> _ = torch.nn.init.normal_(model.heads.head.weight)
        >>> LeGrad(model)(torch.rand(1, 3, 32, 32), target_class=3)[1]["raw"].shape
        torch.Size([1, 4, 4])

    References:
        Bousselham, Boggust, Chaybouti, Strobelt and Kuehne 2024, “LeGrad: An Explainability Method for Vision
        Transformers via Feature Formation Sensitivity”, https://arxiv.org/abs/2404.03214.

    Deviations from the paper:
        The paper scores the tokens of each layer with the model's classifier. Here y is the model's own output for all
        layers, so that the method needs no knowledge of the classifier.
    """

    look = render.heat
    needs_attention = True
    uses_layer = False

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target = TargetScore(self.view, inputs, target_class, self.output)
        layers, chosen = weights_and_gradients(self.view, inputs, target)
        maps = [weights.places.keys.maps(gradient.relu().mean(-2)).mean(1) for weights, gradient in layers]
        finest = max(maps, key=lambda each: each[0].numel())
        size = (finest.shape[1], finest.shape[2])
        raw = torch.stack([render.resize(each, size) for each in maps]).mean(0)
        yield Attribution(raw, target.info(chosen))
