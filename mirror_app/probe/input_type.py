"""In which floating type a model takes its inputs, and what it cannot compute in that type."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.precision import HALF
from mirror_app.probe.clone import Clone

# The finest first: of several that a model runs with, it is given the most exact.
TYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_OF_TYPES = re.compile("Half|BFloat16|dtype|Low precision")  # what PyTorch's errors about types have in common


@dataclass(frozen=True)
class Cast:
    """To `dtype`: of what a model takes, the pictures, and with `extra` all other floating inputs too."""

    dtype: torch.dtype
    extra: bool = False


class InputCast:
    """Casts the inputs of a model to the type in which it takes them."""

    def __init__(self) -> None:
        self.cast: Cast | None = None  # None: they go in as they come
        self._known: dict[tuple[torch.dtype, frozenset[torch.dtype]], Cast] = {}

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        cast = self.cast
        if cast is None:
            return inputs
        return tuple(
            part.to(cast.dtype) if part.is_floating_point() and (cast.extra or number == 0) else part
            for number, part in enumerate(inputs)
        )

    def select_dtype(self, inputs: Tensor, types: frozenset[torch.dtype], run: Callable[[Tensor], object]) -> Tensor:
        """Find the type in which a model takes `inputs`, and return them in the one to work in, float32 at least.

        `types` are those of the weights. The inputs go to the model in their own type if all its weights have it or if
        the model runs with it, else in a type of its weights with which it runs.
        """
        given = inputs.dtype
        if (given, types) not in self._known:
            casts = [Cast(given), *(Cast(other, extra=True) for other in TYPES if other in types - {given})]
            works = (cast for cast in casts if self._runs(cast, inputs, run))
            self._known[given, types] = casts[0] if types <= {given} else next(works, casts[-1])
        self.cast = self._known[given, types]
        return inputs.to(torch.promote_types(self.cast.dtype, torch.float32))

    def _runs(self, cast: Cast, inputs: Tensor, run: Callable[[Tensor], object]) -> bool:
        self.cast = cast
        try:
            with torch.no_grad():
                run(inputs.clone())
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, TypeError, ValueError, AssertionError):  # how a model refuses a type
            return False
        return True


@contextmanager
def explain_dtype_errors(model: nn.Module, inputs: Tensor) -> Iterator[None]:
    """Raise a MirrorError in place of PyTorch's error that an operation does not exist in half precision.

    `model` is a private copy. That it works in float32 is tried, on a full copy of it, before it is advised.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        if not _OF_TYPES.search(reason):
            raise
        half = {str(weight.dtype).removeprefix("torch.") for weight in model.parameters() if weight.dtype in HALF}
        if half and _runs_in_float32(model, inputs):
            advice = "try model.float()"
        elif "not implemented" in reason:
            advice = "choose another model, or another device"
        else:
            raise
        where = f"{' and '.join(sorted(half)) or 'half precision'} on the {inputs.device.type}"
        why = reason[-100:].removesuffix(".")
        raise MirrorError(f"The model cannot compute in {where} ({why}): {advice}.") from error


def _runs_in_float32(model: nn.Module, inputs: Tensor) -> bool:
    try:
        with torch.no_grad():
            Clone(model, written=None).module.float()(inputs.float())
    except Exception:  # the caller's own code: it is not advised, and its first error is what counts
        return False
    return True
