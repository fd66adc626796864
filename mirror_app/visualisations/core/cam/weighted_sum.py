"""Maps, weighted and summed."""

import torch
from torch import Tensor


def weighted_sum(weights: Tensor, maps: Tensor) -> Tensor:
    """Return Σ weights (N, K) · maps (N, K, h, w): (N, h, w)."""
    return torch.einsum("nk,nkhw->nhw", weights.to(maps), maps)
