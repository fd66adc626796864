"""Attention relevance: attention weights times their gradient, rolled out through all layers."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mirror_app import render
from mirror_app.visualisations.core.attention.reading import is_pooling, weights_and_gradients
from mirror_app.visualisations.core.attention.rollout import require_same_tokens, summary_map
from mirror_app.visualisations.core.base import Attribution, TargetClass, Visualisation
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation


@visualisation(
    "Attention relevance",
    paper="Chefer et al. 2021, “Generic Attention-model Explainability”, https://arxiv.org/abs/2103.15679",
    use="To see which parts of the picture speak for the chosen class, traced through all layers of a transformer.",
    avoid="In transformers with windows or stages, whose tokens change: use LeGrad there.",
    asks=Question.WHERE,
    also="transformer attribution, Chefer, gradient-weighted attention rollout, ViT",
)
class AttentionRelevance(Visualisation):
    """Where the class token got the information that speaks for the target, traced through all attention layers.

        R ← R + Ā_l R, layer by layer, from R = I        Ā_l = mean over heads of ReLU(W_l ⊙ ∂y/∂W_l)

    W_l are the attention weights of layer l, y is the target's score (the logit of a class), and ⊙ multiplies entry by
    entry. `info["raw"]` (N, h, w) is the class token's row of R, on the grid of the patches. For a model without a
    class token, the average of all rows is shown. An attention pooling at the end replaces R by Ā R.

    Args:
        inputs: The pictures (N, C, H, W), normalised as the model expects.
        layer: Has no effect, because all attention layers count.
        target_class: The number of a class, from 0. None is the most likely class of each picture. A string names
            another target, such as ":out:15@12,80".

    Returns:
        `(images, info)`: `images` (N, 3, H, W) in [0, 1]; `info["raw"]` (N, h, w), 0 or more; `info["target_class"]`,
        the class of each picture.

    Raises:
        MirrorError: If the model has no attention with a softmax, if its layers attend in windows or change the number
            of tokens, or if the target does not depend on the attention.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.visualisations.core import AttentionRelevance
        >>> model = VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16)
        >>> _ = torch.nn.init.normal_(model.heads.head.weight)
        >>> AttentionRelevance(model)(torch.rand(1, 3, 32, 32), target_class=3)[1]["raw"].shape
        torch.Size([1, 4, 4])

    References:
        Chefer, Gur and Wolf 2021, “Generic Attention-model Explainability for Interpreting Bi-Modal and
        Encoder-Decoder Transformers”, https://arxiv.org/abs/2103.15679.

    Deviations from the paper:
        The paper's models have a class token. Here, the mean of all rows and the pooling also cover models without one.
    """

    look = render.heat
    needs_attention = True
    uses_layer = False

    def attribute(self, inputs: Tensor, layer: str, *, target_class: TargetClass = None) -> Iterator[Attribution]:
        target = TargetScore(self.view, inputs, target_class, self.output)
        layers, chosen = weights_and_gradients(self.view, inputs, target)
        every = [weights for weights, _ in layers]
        require_same_tokens(every, "Attention relevance")
        relevance = torch.eye(every[0].values.shape[-1]).to(every[0].values)
        for weights, gradient in layers:
            reading = (weights.heads() * gradient.flatten(1, -3)).relu().mean(1)
            relevance = reading @ relevance if is_pooling(weights) else relevance + reading @ relevance
        yield Attribution(summary_map(self.view, inputs, every, relevance), target.info(chosen))
