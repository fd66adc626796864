"""The cost and the receptive field of each layer of a model, measured in a few forward passes."""

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

MAX_PASSES = 5
TIME_BUDGET = 1.0  # seconds, after which no further timing pass starts


@dataclass(frozen=True)
class Cost:
    """The cost of one layer for one picture, including its submodules.

    Attributes:
        multiply_adds: Multiply-adds of matrix products and convolutions.
        bytes: Size of the output.
        seconds: Time of the layer's forward pass.
        receptive_field: Size (height, width), in pixels, of the area that one location of the output sees. None if it
            sees the whole picture, however large the picture is, or if the receptive field is unknown.
    """

    multiply_adds: int
    bytes: int
    seconds: float
    receptive_field: tuple[int, int] | None


def costs(view: View, inputs: Tensor) -> dict[str, Cost]:
    """Return the cost of each layer that runs for `inputs` (1, C, H, W), by dotted name."""
    view.ensure_observed(inputs)
    calls = _count_calls(view, inputs)
    seconds = _time_layers(view, inputs)
    receptive_fields = _ReceptiveFields()
    return {name: _layer_cost(calls[name], seconds[name], receptive_fields) for name in calls}


def _count_calls(view: View, inputs: Tensor) -> dict[str, list["_LayerCall"]]:
    """Return the calls of each layer, with their multiply-adds and outputs; the outputs keep their graph."""
    counter = _MultiplyAddCounter()
    calls: dict[str, list[_LayerCall]] = {}

    def begin(name: str) -> None:
        calls.setdefault(name, []).append(_LayerCall(counter.multiply_adds))

    def end(name: str, output: object) -> None:
        call = calls[name][-1]
        call.multiply_adds = counter.multiply_adds - call.multiply_adds
        call.output = output if isinstance(output, Tensor) else None

    leaf = inputs.to(view.device).detach().requires_grad_()
    # Attention runs as plain matrix products: not every PyTorch version can count the operations of fused kernels.
    with _call_hooks(view, begin, end), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        view.run(leaf.clone())
    return calls


def _time_layers(view: View, inputs: Tensor) -> dict[str, float]:
    """Return the seconds that each layer takes: the minimum over a few passes, since noise only adds time."""
    fastest: dict[str, float] = {}
    started: dict[str, float] = {}
    elapsed: dict[str, float] = {}

    def now() -> float:
        if view.device.type != "cpu":
            torch.accelerator.synchronize(view.device)
        return time.perf_counter()

    def begin(name: str) -> None:
        started[name] = now()

    def end(name: str, _output: object) -> None:
        elapsed[name] = elapsed.get(name, 0.0) + now() - started[name]

    deadline = now() + TIME_BUDGET
    inputs = inputs.to(view.device)
    with _call_hooks(view, begin, end), torch.no_grad():
        for _ in range(MAX_PASSES):
            elapsed.clear()
            view.run(inputs.clone())
            fastest = {name: min(seconds, fastest.get(name, seconds)) for name, seconds in elapsed.items()}
            if now() > deadline:
                break
    return fastest


@contextmanager
def _call_hooks(view: View, begin: Callable[[str], None], end: Callable[[str, object], None]) -> Iterator[None]:
    """Call `begin` before each call of a layer, and `end` with its output afterwards."""

    def pre_hook(name: str, *_: object) -> None:
        begin(name)

    def post_hook(name: str, _module: object, _inputs: object, output: object) -> None:
        end(name, output)

    handles = [
        handle
        for name, module in view.modules.items()
        for handle in (
            module.register_forward_pre_hook(partial(pre_hook, name)),
            module.register_forward_hook(partial(post_hook, name)),
        )
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass
class _LayerCall:
    multiply_adds: int
    output: Tensor | None = None


class _MultiplyAddCounter(TorchDispatchMode):
    """Counts the multiply-adds of everything this thread computes, with PyTorch's own formulas."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if formula := flop_registry.get(func.overloadpacket):
            self.multiply_adds += formula(*args, **(kwargs or {}), out_val=output) // 2
        return output


def _layer_cost(calls: list[_LayerCall], seconds: float, receptive_fields: "_ReceptiveFields") -> Cost:
    output = calls[-1].output
    size = output.numel() * output.element_size() if output is not None else 0
    return Cost(
        sum(call.multiply_adds for call in calls),
        size,
        seconds,
        receptive_fields.of(output.grad_fn) if output is not None and output.grad_fn is not None else None,
    )


@dataclass(frozen=True)
class _ReceptiveField:
    """The size of a receptive field in pixels and the distance between neighbouring fields, each (height, width)."""

    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)


@dataclass
class _ReceptiveFields:
    """The receptive field behind each node of a graph; None means the whole picture.

    If several paths lead to a node, the largest field counts.

    References:
        Araujo et al. 2019, “Computing Receptive Fields of Convolutional Neural Networks”.
    """

    by_node: dict[Node, _ReceptiveField | None] = field(default_factory=dict)

    def of(self, node: Node) -> tuple[int, int] | None:
        stack = [node]
        while stack:  # no recursion: graphs can be deeper than Python's stack
            current = stack[-1]
            parents = [parent for parent, _ in current.next_functions if parent is not None and not _is_weight(parent)]
            pending = [parent for parent in parents if parent not in self.by_node]
            if pending:
                stack += pending
                continue
            stack.pop()
            self.by_node[current] = _receptive_field(current, [self.by_node[parent] for parent in parents])
        result = self.by_node[node]
        return result.size if result else None


def _is_weight(node: Node) -> bool:
    return node.name() == "torch::autograd::AccumulateGrad"


def _receptive_field(node: Node, parents: list[_ReceptiveField | None]) -> _ReceptiveField | None:
    if not parents:
        return _ReceptiveField()
    if any(parent is None for parent in parents):
        return None
    fields = [parent for parent in parents if parent is not None]
    sizes = [max(parent.size[axis] for parent in fields) for axis in (0, 1)]
    strides = [max(parent.stride[axis] for parent in fields) for axis in (0, 1)]
    name = node.name().rstrip("0123456789").removesuffix("Backward")
    if name in _POINTWISE:
        return _ReceptiveField((sizes[0], sizes[1]), (strides[0], strides[1]))
    window = _window(node, name)
    if window is None:
        return None
    kernel_size, kernel_stride = window
    new_sizes = [
        parent_size + (kernel_side - 1) * parent_stride
        for parent_size, kernel_side, parent_stride in zip(sizes, kernel_size, strides, strict=True)
    ]
    return _ReceptiveField((new_sizes[0], new_sizes[1]), (strides[0] * kernel_stride[0], strides[1] * kernel_stride[1]))


def _window(node: Any, name: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the extent and the stride of a sliding window, each (height, width); None for any other operation."""
    if name == "Convolution" and not node._saved_transposed and len(node._saved_stride) == 2:
        kernel = tuple(node._saved_weight.shape[2:])
    elif name in ("MaxPool2DWithIndices", "AvgPool2D"):
        kernel = tuple(node._saved_kernel_size)
    else:
        return None
    dilation = getattr(node, "_saved_dilation", (1, 1))
    stride = tuple(node._saved_stride) or kernel
    extent = tuple((side - 1) * spacing + 1 for side, spacing in zip(kernel, dilation, strict=True))
    return (extent[0], extent[1]), (stride[0], stride[1])


# Operations in which each location of the output sees only the same location of the input.
_POINTWISE = frozenset(
    "Add Sub Mul Div Neg Relu Threshold Hardtanh LeakyRelu PreluKernel Elu Celu Gelu Silu Mish Sigmoid Tanh Softplus "
    "Hardsigmoid Hardswish NativeBatchNorm Cat Stack Clone Alias Slice Split SplitWithSizes Select Unsqueeze Squeeze "
    "NativeDropout Pow Clamp".split()
)
