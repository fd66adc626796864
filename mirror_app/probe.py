"""The only room that touches hooks: a private view of a model, on which one computation may do what it likes.

A view is a structural copy that shares its weights with the model handed in: its modules, flags and hooks are its own,
so that nothing done to it is seen by the model or by another computation.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from mirror_app import layers
from mirror_app.errors import MirrorError

T = TypeVar("T")
Hook = Callable[[nn.Module, tuple[object, ...], object], object]


class View:
    """A private copy of `model` in evaluation mode that shares its weights, frozen.

    On another `device` than the model's the weights are copied, for they cannot be shared.
    """

    def __init__(self, model: nn.Module, device: torch.device | str | None = None) -> None:
        self.source = model
        self.module = _structural_copy(model, device)
        self.modules = dict(self.module.named_modules())
        self.device = next((p.device for p in self.module.parameters()), torch.device(device or "cpu"))
        self.calls: dict[str, layers.Call] = {}
        self._print = fingerprint(self.module)

    def layer(self, layer: str | nn.Module | None) -> str:
        """Return the dotted name of `layer`, given as a name, as a submodule of the model, or as None."""
        return layers.find(self.source, layer)

    def trace(self, inputs: Tensor) -> Tensor:
        """Run the whole model on `inputs` (N, C, H, W), learn how each layer is called, and return the output."""
        began: dict[str, int] = {}
        calls: dict[str, layers.Call] = {}

        def begin(name: str, *_: object) -> None:
            began.setdefault(name, len(began))

        def end(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
            shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else None
            times = calls[name].times + 1 if name in calls else 1
            calls[name] = layers.Call(began[name], times, shape)

        before = [m.register_forward_pre_hook(partial(begin, name)) for name, m in self.modules.items()]
        after = [m.register_forward_hook(partial(end, name)) for name, m in self.modules.items()]
        try:
            output = self.module(inputs.to(self.device))
        finally:
            for handle in before + after:
                handle.remove()
        self.calls = calls
        return _one_tensor(output, "The model")

    def capture(self, inputs: Tensor, layer: str) -> Tensor:
        """Return the output of `layer` for `inputs`: of its last call, where it is called more than once.

        Once the view knows how often the layer is called, the forward pass goes no further than that.
        """
        with torch.no_grad():
            return self.reach(inputs, [layer])[layer]

    def reach(self, inputs: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Return the outputs of the layers that are wanted, as `capture` does, on the graph from `inputs` to them."""
        taken: dict[str, list[object]] = {layer: [] for layer in wanted}

        def keep(layer: str, _module: nn.Module, _inputs: object, output: object) -> object:
            taken[layer].append(output)
            if all(name in self.calls and len(taken[name]) == self.calls[name].times for name in taken):
                raise _Reached
            # What comes next may work in place, and must not write into what was taken.
            return output.clone() if isinstance(output, Tensor) else output

        with ExitStack() as hooks, suppress(_Reached):
            for layer in taken:
                hooks.enter_context(self._hooked(layer, partial(keep, layer)))
            self.module(inputs.to(self.device)) if self.calls else self.trace(inputs)
        return {layer: _one_tensor(_last(outputs, layer), f"The layer '{layer}'") for layer, outputs in taken.items()}

    def takes(self, inputs: Tensor, layer: str) -> bool:
        """Tell whether `layer` can be reached with pictures of the size of `inputs`, once the view knows its calls."""
        try:
            self.capture(inputs, layer)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError):  # how PyTorch's operations refuse a size
            return False
        return True

    def split(self, inputs: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Return the output of `layer` as a leaf of the graph, and the model's output that was computed from it.

        The graph begins at the leaf: nothing is recorded below it, and a gradient goes no further down.
        """
        taken: list[Tensor] = []

        def cut(_module: nn.Module, _inputs: object, output: object) -> Tensor:
            taken.append(_one_tensor(output, f"The layer '{layer}'").detach().requires_grad_())
            # A clone, since what comes next may work in place, which a leaf does not allow.
            return taken[-1].clone()

        with self._hooked(layer, cut), torch.enable_grad():
            output = self.module(inputs.to(self.device))
        return _last(taken, layer), _one_tensor(output, "The model")

    def output(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs as a leaf of the graph, and the model's output that was computed from it."""
        leaf = inputs.to(self.device).detach().requires_grad_()
        with torch.enable_grad():
            return leaf, _one_tensor(self.module(leaf.clone()), "The model")

    def unchanged(self) -> bool:
        """Tell whether the view is still as it was made: flags, hooks, gradients and the versions of its weights."""
        return fingerprint(self.module) == self._print

    @contextmanager
    def _hooked(self, layer: str, hook: Hook) -> Iterator[None]:
        handle = self.modules[layer].register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


class Pool:
    """Views of one model, each leased to one computation at a time, so that a copy is paid for once."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._idle: deque[View] = deque(maxlen=4)

    @contextmanager
    def lease(self) -> Iterator[View]:
        """Lend a view; one whose computation raised, or that came back changed, is thrown away."""
        before = fingerprint(self.model)
        try:
            view = self._idle.pop()
        except IndexError:
            view = View(self.model)
        yield view
        if fingerprint(self.model) != before:
            raise MirrorError("The model was changed while it was looked at: its picture is not shown.")
        if view.unchanged():
            self._idle.append(view)


def fingerprint(model: nn.Module) -> tuple[object, ...]:
    """Return what must stay the same in a model that is only looked at; cheap: no weight is read."""
    modules = tuple(
        (name, id(m), m.training, len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
        for name, m in model.named_modules()
    )
    tensors = tuple(
        (name, id(t), t.requires_grad, t.grad is None, None if t.is_inference() else t._version)
        for named in (model.named_parameters(), model.named_buffers())
        for name, t in named
    )
    return modules, tensors


def guide(output: Tensor) -> None:
    """Let only positive gradients pass each ReLU on the way from `output` down (guided backpropagation).

    Works on the graph of this one computation, so that functional and in-place ReLUs are guided as well. Raises
    MirrorError where there is no ReLU, or another activation for which the rule is not defined.

    Springenberg et al. 2015, «Striving for Simplicity: The All Convolutional Net».
    """
    nodes = list(_graph(output))
    strangers = sorted({n.name().removesuffix("Backward0") for n in nodes if n.name() in _UNGUIDABLE})
    if strangers:
        raise MirrorError(
            f"Guided backpropagation is defined for ReLU only, and this model uses {', '.join(strangers)}: "
            "switch «guide» off for the plain gradient."
        )
    relus = [node for node in nodes if node.name() == "ReluBackward0"]
    if not relus:
        raise MirrorError("Guided backpropagation needs a ReLU, and this model has none: switch «guide» off.")
    for node in relus:
        node.register_prehook(lambda gradients: tuple(g.clamp(min=0) for g in gradients))


_UNGUIDABLE = {
    f"{name}Backward0"
    for name in (
        "Celu Elu Gelu Hardsigmoid Hardswish Hardtanh LeakyRelu Mish PreluKernel Sigmoid Silu Softplus Tanh Threshold"
    ).split()
}


def revive(output: Tensor) -> None:
    """Let each ReLU on the way from `output` down that would stop the whole gradient of an item pass it instead.

    A unit that is silent everywhere has no gradient at all; with this one it can be woken.
    """
    for node in _graph(output):
        if node.name() in ("ReluBackward0", "HardtanhBackward0"):
            node.register_hook(_pass_where_all_is_stopped)


def _pass_where_all_is_stopped(below: tuple[Tensor, ...], above: tuple[Tensor, ...]) -> tuple[Tensor]:
    passed = below[0].flatten(1).any(1).view(-1, *[1] * (below[0].ndim - 1))
    return (torch.where(passed, below[0], above[0]),)


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """The layer that was wanted has run: the rest of the forward pass is not needed."""


def _structural_copy(model: nn.Module, device: torch.device | str | None) -> nn.Module:
    shared: dict[int, object] = {}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor):
                shared[id(value)] = value
    for buffer in model.buffers():
        shared[id(buffer)] = buffer.to(device) if device else buffer
    for parameter in model.parameters():
        shared[id(parameter)] = _frozen(parameter, device)
    twin = copy.deepcopy(model, shared).eval()
    for module in twin.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return twin


def _frozen(parameter: nn.Parameter, device: torch.device | str | None) -> nn.Parameter:
    weights = parameter.detach()
    if weights.is_inference():
        with torch.inference_mode(False):
            weights = weights.clone()
    return nn.Parameter(weights.to(device) if device else weights, requires_grad=False)


def _graph(output: Tensor) -> Iterator[Node]:
    seen: set[Node] = set()
    waiting = [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(parent for parent, _ in node.next_functions)
            yield node


def _last(taken: list[T], layer: str) -> T:
    if not taken:
        raise MirrorError(f"The forward pass never reaches the layer '{layer}': choose one that runs.")
    return taken[-1]


def _one_tensor(output: object, culprit: str) -> Tensor:
    if not isinstance(output, Tensor):
        raise MirrorError(f"{culprit} gives a {type(output).__name__}, where one tensor is needed.")
    return output
