"""How similar an output is to that of another picture, or to a text, as a target."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mirror_app.errors import MirrorError


@dataclass(frozen=True, eq=False)
class Similarity:
    """The cosine between the output of a model, or of a layer, and a reference, for use as `target_class`.

    The score of an output y is cos(y, r) = Σ yₖ rₖ / (‖y‖ ‖r‖); with `minus`, it is cos(y, r) − cos(y, m). Maps are
    summed over their locations, so that y has one number for each channel.

    Args:
        reference: The numbers r, (K,), such as an `embedding` of another picture, or of a text in the same space.
        minus: The numbers m, (K,), whose cosine is subtracted, if any.
        layer: The dotted name of the layer with the output y; "" is the model.
        name: The score in words.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import Gradient, Similarity, embedding
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(192, 8))
        >>> picture, other = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
        >>> target = Similarity(embedding(model, other)[0])
        >>> images, info = Gradient(model)(picture, target_class=target)
        >>> info["raw"].shape, info["target"]
        (torch.Size([1, 3, 8, 8]), 'similarity')
    """

    reference: Tensor
    minus: Tensor | None = None
    layer: str = ""
    name: str = "similarity"

    @property
    def __name__(self) -> str:
        """The score in words, as for a function."""
        return self.name

    def __call__(self, numbers: Tensor) -> Tensor:
        """Return the scores (N,) of outputs (N, K); raise MirrorError if K is another than the reference's."""
        score = _cosine(numbers, self.reference)
        return score if self.minus is None else score - _cosine(numbers, self.minus)

    def proportional(self, numbers: Tensor) -> Tensor:
        """Return the same scores as `__call__`, computed with ‖y‖ as a constant: their gradients are r / (‖y‖ ‖r‖).

        The cosine does not change when y is scaled, so the products of y and its gradient sum to 0. Those of y and this
        gradient sum to the score, as relevance must.
        """
        directions = numbers / torch.linalg.vector_norm(numbers.detach(), dim=1, keepdim=True)
        score = directions @ _normalised(self.reference, numbers)
        return score if self.minus is None else score - directions @ _normalised(self.minus, numbers)


def _normalised(reference: Tensor, numbers: Tensor) -> Tensor:
    return torch.nn.functional.normalize(reference.to(numbers), dim=0)


def _cosine(numbers: Tensor, reference: Tensor) -> Tensor:
    if numbers.shape[1] != len(reference):
        raise MirrorError(
            f"The output has {numbers.shape[1]} numbers for a picture, and the reference has {len(reference)}.",
            culprit="reference",
            accepted=f"{numbers.shape[1]} numbers",
        )
    return torch.nn.functional.cosine_similarity(numbers, reference.to(numbers)[None])
