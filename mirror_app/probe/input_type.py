"""The floating-point type in which a model takes its inputs, and errors about unsupported types."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.precision import HALF
from mirror_app.probe.clone import Clone

# The most precise type comes first. The first type with which the model runs is chosen.
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_DTYPE_ERROR = re.compile("Half|BFloat16|dtype|Low precision")  # found in PyTorch's errors about types


@dataclass(frozen=True)
class Cast:
    """A cast of the pictures to `dtype`; if `extra` is true, all other floating-point inputs are cast as well."""

    dtype: torch.dtype
    extra: bool = False


class InputCast:
    """Casts the inputs of a model to the floating-point type in which it takes them."""

    def __init__(self) -> None:
        self.cast: Cast | None = None  # None: no cast
        self._casts_by_dtype: dict[tuple[torch.dtype, frozenset[torch.dtype]], Cast] = {}

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the inputs of the model, cast."""
        cast = self.cast
        if cast is None:
            return inputs
        return tuple(
            tensor.to(cast.dtype) if tensor.is_floating_point() and (cast.extra or index == 0) else tensor
            for index, tensor in enumerate(inputs)
        )

    def select_dtype(self, inputs: Tensor, types: frozenset[torch.dtype], run: Callable[[Tensor], object]) -> Tensor:
        """Select the type in which a model takes `inputs`; return `inputs` in this type, or in float32 if more precise.

        The inputs keep their own type if all weights have this type or if the model runs with it. Otherwise they are
        cast to a type of the weights with which the model runs.

        Args:
            inputs: Pictures (N, C, H, W).
            types: The floating-point types of the weights.
            run: Calls the model.
        """
        dtype = inputs.dtype
        if (dtype, types) not in self._casts_by_dtype:
            candidates = [Cast(dtype), *(Cast(other, extra=True) for other in DTYPES if other in types - {dtype})]
            working = (cast for cast in candidates if self._runs(cast, inputs, run))
            self._casts_by_dtype[dtype, types] = candidates[0] if types <= {dtype} else next(working, candidates[-1])
        self.cast = self._casts_by_dtype[dtype, types]
        return inputs.to(torch.promote_types(self.cast.dtype, torch.float32))

    def _runs(self, cast: Cast, inputs: Tensor, run: Callable[[Tensor], object]) -> bool:
        self.cast = cast
        try:
            with torch.no_grad():
                run(inputs.clone())
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, ValueError, AssertionError):  # models reject a type with one of these errors
            return False
        return True


@contextmanager
def explain_dtype_errors(model: nn.Module, inputs: Tensor) -> Iterator[None]:
    """Raise a MirrorError instead of PyTorch's error that an operation does not support half precision.

    `model` is a private copy. The advice to use float32 is given only if a full copy of the model runs in float32.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        if not _DTYPE_ERROR.search(reason):
            raise
        half_types = {str(weight.dtype).removeprefix("torch.") for weight in model.parameters() if weight.dtype in HALF}
        if half_types and _runs_in_float32(model, inputs):
            advice = "try model.float()"
        elif "not implemented" in reason:
            advice = "choose another model, or another device"
        else:
            raise
        setting = f"{' and '.join(sorted(half_types)) or 'half precision'} on the {inputs.device.type}"
        detail = reason[-100:].removesuffix(".")
        raise MirrorError(f"The model cannot compute in {setting} ({detail})", culprit=setting, hint=advice) from error


def _runs_in_float32(model: nn.Module, inputs: Tensor) -> bool:
    try:
        with torch.no_grad():
            Clone(model, written=None).module.float()(inputs.float())
    except Exception:  # the user's code may raise anything; then float32 is not recommended
        return False
    return True
