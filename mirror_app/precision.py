"""Half precision: where its numbers are summed up or compared, they are float32 first."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def widened(numbers: Tensor) -> Tensor:
    """Return float16 and bfloat16 numbers in float32, which holds them exactly, and all others as they are."""
    return numbers.float() if numbers.dtype in HALF else numbers
