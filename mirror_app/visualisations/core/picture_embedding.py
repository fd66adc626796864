"""The numbers in an output that `Similarity` compares."""

from torch import Tensor, nn

from mirror_app.probe import View
from mirror_app.visualisations.core.target_score import TargetScore


def embedding(model: nn.Module | View, inputs: Tensor, layer: str = "") -> Tensor:
    """Return the numbers with which `Similarity` compares: one for each channel of an output.

    Args:
        model: The model, or a view of it.
        inputs: Pictures (N, C, H, W), normalised as the model expects.
        layer: The dotted name of a layer; "" is the model. Maps are summed over their locations.

    Returns:
        The numbers (N, K).

    Raises:
        MirrorError: If there is no such layer, or its output is not one number or one map per channel.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import embedding
        >>> embedding(nn.Conv2d(3, 4, 1), torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 4])
    """
    view = model if isinstance(model, View) else View(model)
    inputs = view.prepare_inputs(inputs)
    return TargetScore(view, inputs, f"{layer}:0").predict(inputs)
