"""Runs many samples through a model in batches, which become smaller if memory runs out."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch

from mirror_app.errors import MirrorError
from mirror_app.probe import View

T = TypeVar("T")

# Larger batches are slower on a CPU: they do not fit into its cache.
SIZES = {"cpu": 4, "cuda": 32}


def in_batches(work: Callable[[slice], T], count: int, view: View | None = None) -> Iterator[tuple[float, slice, T]]:
    """Compute `work` for spans that cover `count` samples in order.

    A span that does not fit into memory is halved and tried again; later spans have the smaller size, too.

    Args:
        work: Computes the result of a span.
        count: The number of samples.
        view: The view of the model, whose device determines the size of a span. If the samples of a batch influence
            one another, each span has one sample.

    Yields:
        The progress in (0, 1], the span, and its result.

    Raises:
        MirrorError: If not even one sample fits into memory.

    Example:
        >>> from mirror_app.visualisations.core.batching import in_batches
        >>> for progress, span, total in in_batches(lambda span: sum(range(10)[span]), 10):
        ...     print(progress, span.start, span.stop, total)
        0.4 0 4 6
        0.8 4 8 22
        1.0 8 10 17
    """
    size, first = _size(view) if count > 1 else 1, 0
    while first < count:
        span = slice(first, min(first + size, count))
        try:
            result = work(span)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            is_too_large = True
        else:
            is_too_large = False
        # This is not done inside `except`, where the error still holds references to the tensors that were too large.
        if is_too_large:
            if size == 1:
                raise MirrorError(
                    "There is not enough memory for a single sample", hint="use a smaller picture or another layer"
                )
            size = (span.stop - span.start + 1) // 2
            continue
        first = span.stop
        yield first / count, span, result


def _size(view: View | None) -> int:
    if view is None:
        return SIZES["cpu"]
    return SIZES.get(view.device.type, SIZES["cpu"]) if view.is_batch_independent else 1


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out."""
    # The allocators of the CPU and of MPS raise a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "not enough memory", "out of memory")
    )
