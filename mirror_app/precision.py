"""Arithmetic that needs care: half precision, shares of a total that may be zero, relative differences."""

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def widened(numbers: Tensor) -> Tensor:
    """Return float16 and bfloat16 values as float32, which holds them exactly, and other values unchanged."""
    return numbers.float() if numbers.dtype in HALF else numbers


def share_of(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole, and `part` unchanged where the whole is 0."""
    return part / torch.where(whole == 0, 1, whole)


def relative_difference(values: Tensor, reference: Tensor) -> float:
    """Return max |values - reference| / max |reference|, where infinities in the denominator are ignored.

    Equal infinities, such as the logits of masked classes, do not differ. The result for empty tensors is 0.
    """
    if not values.numel():
        return 0.0
    values, reference = values.double(), reference.double()
    peak_magnitude = reference.abs().nan_to_num(posinf=0).max().clamp(min=torch.finfo(torch.float32).tiny)
    return float(torch.where(values == reference, 0, (values - reference).abs()).max() / peak_magnitude)
