"""What any method must beat: numbers that know nothing, and edges, which know the picture and nothing of the model."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.precision import widened


def noise(inputs: Tensor, seed: int) -> Tensor:
    """Return random numbers (H, W) in [0, 1) for inputs (1, C, H, W)."""
    return torch.rand(inputs.shape[2:], generator=torch.Generator().manual_seed(seed), dtype=torch.float32).to(
        inputs.device
    )


def sobel(inputs: Tensor) -> Tensor:
    """Return the strength of the edges (H, W) in the mean of the channels of inputs (1, C, H, W).

    I. Sobel 1968, “An Isotropic 3 x 3 Image Gradient Operator”.
    """
    inputs = widened(inputs)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(inputs)
    kernels = torch.stack([across, across.T])[:, None]
    grey = F.pad(inputs.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    return F.conv2d(grey, kernels).square().sum(1).sqrt()[0]
