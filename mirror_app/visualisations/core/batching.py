"""Many samples through a model, a few at a time, and fewer where memory is short."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from mirror_app.errors import MirrorError
from mirror_app.probe import View

T = TypeVar("T")

# More at a time are slower on a CPU: they leave its cache, and each takes memory for itself.
SIZES = {"cpu": 4, "cuda": 32}


def in_batches(work: Callable[[slice], T], count: int, view: View | None = None) -> Iterator[tuple[float, slice, T]]:
    """Yield `(progress, span, work(span))` for spans that cover `count` samples in order; progress ends at 1.

    The samples of a `view` whose answers change with their neighbours go one at a time. A span that does not fit into
    memory is halved and tried again, and so are those after it. Raises MirrorError where not even one sample fits.
    """
    size, first = _size(view) if count > 1 else 1, 0
    while first < count:
        span = slice(first, min(first + size, count))
        try:
            result = work(span)
        except (RuntimeError, MemoryError) as error:
            if not _short_of_memory(error):
                raise
            failed = True
        else:
            failed = False
        # Not inside `except`: there the error still holds on to the tensors that were too large.
        if failed:
            if size == 1:
                raise MirrorError("Memory is too short for even one sample: take a smaller picture, or another layer.")
            size = (span.stop - span.start + 1) // 2
            continue
        first = span.stop
        yield first / count, span, result


def _size(view: View | None) -> int:
    if view is None:
        return SIZES["cpu"]
    return SIZES.get(view.device.type, SIZES["cpu"]) if view.is_batch_independent else 1


def _short_of_memory(error: Exception) -> bool:
    # The CPU's allocator and Apple's have no type of their own for it.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )
