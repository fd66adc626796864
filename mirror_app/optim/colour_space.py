"""The covariance of the colours of photographs."""

import torch
from torch import Tensor

# Principal axes (columns) and variances of the colours of ImageNet's photographs, computed for the colour augmentation
# of Krizhevsky et al. 2012. The values are from the code for Gross and Wilber 2016, “Training and investigating
# residual nets” (fb.resnet.torch).
AXES = ((-0.5675, 0.7192, 0.4009), (-0.5808, -0.0045, -0.8140), (-0.5836, -0.6948, 0.4203))
VARIANCES = (0.2175, 0.0188, 0.0045)


def mixing() -> Tensor:
    """Return the matrix M (3, 3) for which M · Mᵀ is the covariance of the colours of photographs.

    M turns independent numbers into red, green and blue. The columns of M contrast light with dark, blue with red, and
    green with purple.

    Returns:
        The matrix in float64.

    Example:
        >>> from mirror_app.optim.colour_space import mixing
        >>> (mixing() @ mixing().T).diagonal().sqrt()
        tensor([0.2837, 0.2763, 0.2897], dtype=torch.float64)
    """
    return torch.tensor(AXES, dtype=torch.float64) * torch.tensor(VARIANCES, dtype=torch.float64).sqrt()
