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
