"""What each layer of a model costs, and how much of the picture it sees: read off a few forward passes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from mirror_app.probe.view import View

PASSES, TIME_BUDGET = 5, 1.0  # of the time: at most so many passes, and none begins after so many seconds


@dataclass(frozen=True)
class Cost:
    """What one layer takes for one picture, its own layers included.

    `multiply_adds` of matrix products and convolutions, `bytes` of its output, `seconds`, and the
    `receptive_field`, the sides (height, width) in pixels of what one place of its output sees: None where that is the
    whole picture, whatever its size, or where it cannot be told.
    """

    multiply_adds: int
    bytes: int
    seconds: float
    receptive_field: tuple[int, int] | None


def costs(view: View, inputs: Tensor) -> dict[str, Cost]:
    """Return the cost of each layer that runs for `inputs` (1, C, H, W), by its dotted name."""
    view.ensure_observed(inputs)
    calls = _counted(view, inputs)
    seconds = _timed(view, inputs)
    fields = _Fields()
    return {name: _cost(calls[name], seconds[name], fields) for name in calls}


def _counted(view: View, inputs: Tensor) -> dict[str, list["_Call"]]:
    """Return the calls of each layer, the latest output of each with its graph."""
    meter = _Meter()
    calls: dict[str, list[_Call]] = {}

    def begin(name: str) -> None:
        calls.setdefault(name, []).append(_Call(meter.multiply_adds))

    def end(name: str, output: object) -> None:
        call = calls[name][-1]
        call.multiply_adds = meter.multiply_adds - call.multiply_adds
        call.output = output if isinstance(output, Tensor) else None

    leaf = inputs.to(view.device).detach().requires_grad_()
    # Attention as plain products: not every PyTorch has a formula for each of its fused kernels.
    with _around(view, begin, end), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), meter:
        view.run(leaf.clone())
    return calls


def _timed(view: View, inputs: Tensor) -> dict[str, float]:
    """Return the seconds that each layer takes: the least of a few passes, since only chance makes one longer."""
    least: dict[str, float] = {}
    begun: dict[str, float] = {}
    spent: dict[str, float] = {}

    def now() -> float:
        if view.device.type != "cpu":
            torch.accelerator.synchronize(view.device)
        return time.perf_counter()

    def begin(name: str) -> None:
        begun[name] = now()

    def end(name: str, _output: object) -> None:
        spent[name] = spent.get(name, 0.0) + now() - begun[name]

    until = now() + TIME_BUDGET
    inputs = inputs.to(view.device)
    with _around(view, begin, end), torch.no_grad():
        for _ in range(PASSES):
            spent.clear()
            view.run(inputs.clone())
            least = {name: min(span, least.get(name, span)) for name, span in spent.items()}
            if now() > until:
                break
    return least


@contextmanager
def _around(view: View, begin: Callable[[str], None], end: Callable[[str, object], None]) -> Iterator[None]:
    """Call `begin` before each call of a layer, and `end` with its output after it."""

    def before(name: str, *_: object) -> None:
        begin(name)

    def after(name: str, _module: object, _inputs: object, output: object) -> None:
        end(name, output)

    handles = [
        handle
        for name, module in view.modules.items()
        for handle in (
            module.register_forward_pre_hook(partial(before, name)),
            module.register_forward_hook(partial(after, name)),
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass
class _Call:
    multiply_adds: int
    output: Tensor | None = None


class _Meter(TorchDispatchMode):
    """Counts the multiplications of all that this thread computes, with PyTorch's own formulae."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.multiply_adds += formula(*args, **(kwargs or {}), out_val=output) // 2
        return output


def _cost(calls: list[_Call], seconds: float, fields: "_Fields") -> Cost:
    output = calls[-1].output
    size = output.numel() * output.element_size() if output is not None else 0
    return Cost(
        sum(call.multiply_adds for call in calls),
        size,
        seconds,
        fields.of(output.grad_fn) if output is not None and output.grad_fn is not None else None,
    )


@dataclass(frozen=True)
class _Field:
    """How many pixels one place sees, and how many lie between the middles of two places, down and across."""

    sides: tuple[int, int] = (1, 1)
    apart: tuple[int, int] = (1, 1)


@dataclass
class _Fields:
    """The receptive field behind each node of a graph, None where it is everything.

    Araujo et al. 2019, “Computing Receptive Fields of Convolutional Neural Networks”, with the largest of several ways.
    """

    found: dict[Node, _Field | None] = field(default_factory=dict)

    def of(self, node: Node) -> tuple[int, int] | None:
        waiting = [node]
        while waiting:  # no recursion: graphs are deeper than Python's stack
            here = waiting[-1]
            below = [parent for parent, _ in here.next_functions if parent is not None and not _is_weight(parent)]
            missing = [parent for parent in below if parent not in self.found]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            self.found[here] = _seen_through(here, [self.found[parent] for parent in below])
        reached = self.found[node]
        return reached.sides if reached else None


def _is_weight(node: Node) -> bool:
    return node.name() == "torch::autograd::AccumulateGrad"


def _seen_through(node: Node, below: list[_Field | None]) -> _Field | None:
    if not below:
        return _Field()
    if any(part is None for part in below):
        return None
    parts = [part for part in below if part is not None]
    sides = [max(part.sides[axis] for part in parts) for axis in (0, 1)]
    apart = [max(part.apart[axis] for part in parts) for axis in (0, 1)]
    name = node.name().rstrip("0123456789").removesuffix("Backward")
    if name in _POINTWISE:
        return _Field((sides[0], sides[1]), (apart[0], apart[1]))
    window = _window(node, name)
    if window is None:
        return None
    kernel, stride = window
    wider = [side + (size - 1) * step for side, size, step in zip(sides, kernel, apart, strict=True)]
    return _Field((wider[0], wider[1]), (apart[0] * stride[0], apart[1] * stride[1]))


def _window(node: Any, name: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return how far a sliding window reaches and its stride, (height, width); None for what is no sliding window."""
    if name == "Convolution" and not node._saved_transposed and len(node._saved_stride) == 2:
        kernel = tuple(node._saved_weight.shape[2:])
    elif name in ("MaxPool2DWithIndices", "AvgPool2D"):
        kernel = tuple(node._saved_kernel_size)
    else:
        return None
    dilation = getattr(node, "_saved_dilation", (1, 1))
    stride = tuple(node._saved_stride) or kernel
    reach = tuple((size - 1) * between + 1 for size, between in zip(kernel, dilation, strict=True))
    return (reach[0], reach[1]), (stride[0], stride[1])


# Each place of the output sees the same place of the input.
_POINTWISE = frozenset(
    "Add Sub Mul Div Neg Relu Threshold Hardtanh LeakyRelu PreluKernel Elu Celu Gelu Silu Mish Sigmoid Tanh Softplus "
    "Hardsigmoid Hardswish NativeBatchNorm Cat Stack Clone Alias Slice Split SplitWithSizes Select Unsqueeze Squeeze "
    "NativeDropout Pow Clamp".split()
)
