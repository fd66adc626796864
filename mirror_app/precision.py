"""Numbers that need care: half precision, and shares of what may be nothing."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def widened(numbers: Tensor) -> Tensor:
    """Return float16 and bfloat16 numbers in float32, which holds them exactly, and all others as they are."""
    return numbers.float() if numbers.dtype in HALF else numbers


def share_of(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole; where the whole is nothing every part of it is nothing too, and stays as it is."""
    return part / torch.where(whole == 0, 1, whole)


def relative_difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two tensors of one shape as a share of the largest finite number in `other`.

    Equal infinities, as of masked classes, are no difference. Without numbers it is 0.
    """
    if not one.numel():
        return 0.0
    one, other = one.double(), other.double()
    largest = other.abs().nan_to_num(posinf=0).max().clamp(min=torch.finfo(torch.float32).tiny)
    return float(torch.where(one == other, 0, (one - other).abs()).max() / largest)
