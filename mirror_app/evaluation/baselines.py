"""Baselines that every method must beat: random numbers, and edges, which know the picture but not the model."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mirror_app.precision import widened


def noise(inputs: Tensor, seed: int) -> Tensor:
    """Return random numbers as the evidence for a picture.

    Args:
        inputs: A picture, (1, C, H, W). Only its size and its device matter.
        seed: The same seed gives the same numbers, on every device.

    Returns:
        Uniform random numbers in [0, 1), (H, W), float32.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import noise
        >>> noise(torch.zeros(1, 3, 8, 8), seed=0).shape
        torch.Size([8, 8])
    """
    return torch.rand(inputs.shape[2:], generator=torch.Generator().manual_seed(seed), dtype=torch.float32).to(
        inputs.device
    )


def sobel(inputs: Tensor) -> Tensor:
    r"""Return the strength of the edges of a picture.

    .. math:: E = \sqrt{(K * x)^2 + (K^T * x)^2}, \quad K = [-1, 0, 1; -2, 0, 2; -1, 0, 1]

    x is the mean over the channels; beyond the border, its outermost pixels are repeated.

    Args:
        inputs: A picture, (1, C, H, W).

    Returns:
        The strength of the edges, (H, W).

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import sobel
        >>> ramp = torch.arange(5.0).expand(1, 1, 5, 5)
        >>> sobel(ramp)[2]
        tensor([4., 8., 8., 8., 4.])

    References:
        I. Sobel and G. Feldman, "A 3x3 Isotropic Gradient Operator for Image Processing", 1968.
    """
    inputs = widened(inputs)
    horizontal = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).to(inputs)
    kernels = torch.stack([horizontal, horizontal.T])[:, None]
    grey = F.pad(inputs.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    return F.conv2d(grey, kernels).square().sum(1).sqrt()[0]
