"""A private view of one model: run it, stop it at a layer, cut it there, put something else in its place."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from mirror_app import layers
from mirror_app.errors import MirrorError
from mirror_app.probe.clone import structural_clone
from mirror_app.probe.fingerprint import fingerprint

T = TypeVar("T")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Hook = Callable[[nn.Module, tuple[object, ...], object], object]


class View:
    """A private copy of `model` in evaluation mode that shares its weights, frozen.

    On another `device` than the model's the weights are copied, for they cannot be shared. `extra_inputs` is what the
    model takes after the pictures, (1, …) each: the same for all.
    """

    def __init__(self, model: nn.Module, device: torch.device | str | None = None) -> None:
        self.source = model
        self.module = structural_clone(model, device)
        self.modules = dict(self.module.named_modules())
        self.device = next((p.device for p in self.module.parameters()), torch.device(device or "cpu"))
        self.calls: dict[str, layers.Call] = {}
        self.extra_inputs: tuple[Tensor, ...] = ()
        self.default_layers: dict[tuple[int, ...], str] = {}  # for inputs of a shape: `default_layer`
        self.layouts: dict[tuple[str, tuple[int, ...]], Any] = {}  # of layers, for inputs of a shape: `find_layout`
        self._print = fingerprint(self.module)

    def layer(self, layer: str | nn.Module) -> str:
        """Return the dotted name of `layer`: a name, or a submodule of the model or of the view."""
        own = next((name for name, module in self.modules.items() if module is layer), None)
        return layers.find(self.source, layer) if own is None else own

    def run(self, inputs: Tensor) -> Any:
        """Return what the model gives for `inputs` (N, C, H, W), and for what it takes beside them."""
        extra_inputs = (part.to(self.device).expand(len(inputs), *part.shape[1:]) for part in self.extra_inputs)
        return self.module(inputs.to(self.device), *extra_inputs)

    def record_calls(self, inputs: Tensor) -> Any:
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
            output = self.run(inputs)
        finally:
            for handle in before + after:
                handle.remove()
        self.calls = calls
        return output

    def capture(self, inputs: Tensor, layer: str) -> Tensor:
        """Return the output of `layer` for `inputs`: of its last call, where it is called more than once.

        Once the view knows how often the layer is called, the forward pass goes no further than that.
        """
        with torch.no_grad():
            return one_tensor(self.outputs_of(inputs, [layer])[layer], layer)

    def outputs_of(self, inputs: Tensor, wanted: Iterable[str]) -> dict[str, Any]:
        """Return the outputs of the layers that are wanted, as `capture` does, on the graph from `inputs` to them."""
        taken: dict[str, list[object]] = {layer: [] for layer in wanted}

        def keep(layer: str, _module: nn.Module, _inputs: object, output: object) -> object:
            taken[layer].append(output)
            if all(name in self.calls and len(taken[name]) == self.calls[name].times for name in taken):
                raise _Reached
            # What comes next may work in place, and must not write into what was taken.
            return tree_map(lambda part: part.clone() if isinstance(part, Tensor) else part, output)

        with ExitStack() as hooks, suppress(_Reached):
            for layer in taken:
                hooks.enter_context(self._hooked(layer, partial(keep, layer)))
            self.run(inputs) if self.calls else self.record_calls(inputs)
        return {layer: _last(outputs, layer) for layer, outputs in taken.items()}

    def accepts_size(self, inputs: Tensor, layer: str) -> bool:
        """Tell whether `layer` can be reached with pictures of the size of `inputs`, once the view knows its calls."""
        try:
            with torch.no_grad():
                self.outputs_of(inputs, [layer])
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError):  # how PyTorch's operations refuse a size
            return False
        return True

    def split(self, inputs: Tensor, layer: str, at: str = "") -> tuple[Tensor, Any]:
        """Return the output of `layer` as a leaf of the graph, and what the layer `at` gives, computed from it.

        The graph begins at the leaf: nothing is recorded below it, and a gradient goes no further down. «» is the
        model.
        """
        taken: list[Tensor] = []

        def cut(_module: nn.Module, _inputs: object, output: object) -> Tensor:
            taken.append(one_tensor(output, layer).detach().requires_grad_())
            # A clone, since what comes next may work in place, which a leaf does not allow.
            return taken[-1].clone()

        with self._hooked(layer, cut), torch.enable_grad():
            output = self._until(inputs, at)
        if at and not taken:
            raise MirrorError(f"The layer '{at}' runs before '{layer}', and does not depend on it: choose a later one.")
        return _last(taken, layer), output

    def output(self, inputs: Tensor, at: str = "") -> tuple[Tensor, Any]:
        """Return the inputs as a leaf of the graph, and what the layer `at` gives, computed from it."""
        leaf = inputs.to(self.device).detach().requires_grad_()
        with torch.enable_grad():
            return leaf, self._until(leaf.clone(), at)

    def predict(self, inputs: Tensor, at: str = "") -> Any:
        """Return what the layer `at` gives for `inputs` (N, C, H, W), without a graph."""
        with torch.no_grad():
            return self._until(inputs, at)

    def arguments(self, inputs: Tensor, wanted: Iterable[str]) -> dict[str, Arguments]:
        """Return what each of the layers is called with for `inputs`, in its last call: (positional, by name)."""
        taken: dict[str, Arguments] = {}

        def keep(name: str, _module: nn.Module, *arguments: Any) -> None:
            taken[name] = arguments

        with torch.no_grad(), ExitStack() as hooks:
            for name in wanted:
                hook = self.modules[name].register_forward_pre_hook(partial(keep, name), with_kwargs=True)
                hooks.callback(hook.remove)
            self.run(inputs)
        return taken

    def run_from(self, picture: Tensor, layer: str, at: str = "") -> Callable[[Tensor], Any]:
        """Return the function from outputs of `layer` (B, …), in place of its last one, to what the layer `at` gives.

        All else is as for `picture` (1, C, H, W). What has ended before `layer` does is computed once, here.
        """
        if not self.calls:
            self.record_calls(picture)
        times = self.calls[layer].times
        ended = self._ended(picture, layer, times)

        def run(outputs: Tensor) -> Any:
            calls = count(1)

            def replace(_module: nn.Module, _inputs: object, _output: object) -> Tensor | None:
                return outputs.clone() if next(calls) == times else None

            with ExitStack() as stack:
                for name, output in ended.items():
                    batch = output.expand(len(outputs), *output.shape[1:])
                    stack.enter_context(_answering(self.modules[name], batch))
                stack.enter_context(self._hooked(layer, replace))
                return self.predict(picture.repeat(len(outputs), 1, 1, 1), at)

        return run

    def _until(self, inputs: Tensor, at: str) -> Any:
        return self.outputs_of(inputs, [at])[at] if at else self.run(inputs)

    def unchanged(self) -> bool:
        """Tell whether the view is still as it was made: flags, hooks, gradients and the versions of its weights."""
        return fingerprint(self.module) == self._print

    def _ended(self, picture: Tensor, layer: str, times: int) -> dict[str, Tensor]:
        """Return the outputs of the outermost layers that have ended when `layer` ends for the last time."""
        ended: dict[str, Tensor] = {}
        calls = count(1)

        def keep(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
            # A layer that is called again, or whose output is no batch, is not kept: it runs each time.
            if isinstance(output, Tensor) and output.shape[:1] == (1,) and self.calls[name].times == 1:
                for inner in [other for other in ended if other.startswith(f"{name}.")]:
                    del ended[inner]
                ended[name] = output.clone()
            if name == layer and next(calls) == times:
                raise _Reached

        with torch.no_grad(), ExitStack() as hooks, suppress(_Reached):
            for name in self.calls:
                # In front of the model's own hooks, for they run again on what is kept.
                hook = self.modules[name].register_forward_hook(partial(keep, name), prepend=True)
                hooks.callback(hook.remove)
            self.run(picture)
        return ended

    @contextmanager
    def _hooked(self, layer: str, hook: Hook) -> Iterator[None]:
        handle = self.modules[layer].register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


@contextmanager
def _answering(module: nn.Module, output: Tensor) -> Iterator[None]:
    """Let `module` compute nothing and give `output`: a copy each time, since what comes next may work in place."""
    own = {key: value for key, value in vars(module).items() if key == "forward"}
    vars(module)["forward"] = lambda *_, **__: output.clone()
    try:
        yield
    finally:
        del vars(module)["forward"]
        vars(module).update(own)


class _Reached(Exception):  # noqa: N818 - a signal, not an error
    """The layer that was wanted has run: the rest of the forward pass is not needed."""


def _last(taken: list[T], layer: str) -> T:
    if not taken:
        raise MirrorError(f"The forward pass never reaches the layer '{layer}': choose one that runs.")
    return taken[-1]


def one_tensor(output: object, layer: str) -> Tensor:
    """Return `output`, which `layer` gave; raise MirrorError where it is not one tensor."""
    if not isinstance(output, Tensor):
        culprit = f"The layer '{layer}'" if layer else "The model"
        raise MirrorError(f"{culprit} gives a {type(output).__name__}, where one tensor is needed.")
    return output
