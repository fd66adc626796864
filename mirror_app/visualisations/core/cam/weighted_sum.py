"""The weighted sum of maps, with which most CAMs end."""

import torch
from torch import Tensor


def weighted_sum(weights: Tensor, maps: Tensor) -> Tensor:
    """Return Σ_k weights_k · maps_k, (N, h, w), for `weights` (N, K) and `maps` (N, K, h, w)."""
    return torch.einsum("nk,nkhw->nhw", weights.to(maps), maps)
