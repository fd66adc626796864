"""Checks of the inputs that a caller passes."""

from typing import Any

from torch import Tensor

from mirror_app.errors import MirrorError


def checked_inputs(inputs: Any) -> Tensor:
    """Return `inputs`; raise MirrorError unless they are a finite float tensor (N, C, H, W) that holds a picture."""
    if not isinstance(inputs, Tensor) or inputs.ndim != 4 or not inputs.is_floating_point():
        accepted, shown = "a float tensor (N, channels, height, width)", _shown(inputs)
        raise MirrorError(f"The inputs must be {accepted}, not {shown}.", culprit=shown, accepted=accepted)
    if not inputs.numel():
        shown = _shown(inputs)
        raise MirrorError(
            f"The inputs are {shown}: they contain no picture.", culprit=shown, accepted="at least one picture"
        )
    if not inputs.isfinite().all():
        raise MirrorError(
            "The inputs are not finite: they contain NaN or infinity.",
            culprit="NaN or infinity",
            accepted="finite values",
        )
    return inputs


def checked_extra_inputs(others: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Return the inputs after the pictures; raise MirrorError unless each is a tensor (1, …) for all pictures."""
    for number, other in enumerate(others, 2):
        if not isinstance(other, Tensor) or other.shape[:1] != (1,):
            accepted, shown = "a tensor (1, …), shared by all", _shown(other)
            raise MirrorError(
                f"Input {number} is {shown}: every input after the pictures must be {accepted}.",
                culprit=shown,
                accepted=accepted,
            )
    return others


def _shown(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
