"""A private view of one model: run it, stop it at a layer, cut it there, put something else in its place."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mirror_app import layers
from mirror_app.errors import MirrorError
from mirror_app.probe.fingerprint import fingerprint
from mirror_app.probe.twin import structural_copy

T = TypeVar("T")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Hook = Callable[[nn.Module, tuple[object, ...], object], object]


class View:
    """A private copy of `model` in evaluation mode that shares its weights, frozen.

    On another `device` than the model's the weights are copied, for they cannot be shared.
    """

    def __init__(self, model: nn.Module, device: torch.device | str | None = None) -> None:
        self.source = model
        self.module = structural_copy(model, device)
        self.modules = dict(self.module.named_modules())
        self.device = next((p.device for p in self.module.parameters()), torch.device(device or "cpu"))
        self.calls: dict[str, layers.Call] = {}
        self._print = fingerprint(self.module)

    def layer(self, layer: str | nn.Module | None) -> str:
        """Return the dotted name of `layer`: a name, a submodule of the model or of the view, or None."""
        own = next((name for name, module in self.modules.items() if module is layer), None)
        if own is not None:
            return own
        return layers.last_convolution(self.source, self.calls) if layer is None else layers.find(self.source, layer)

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

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the model's output for `inputs` (N, C, H, W), without a graph."""
        with torch.no_grad():
            return _one_tensor(self.module(inputs.to(self.device)), "The model")

    def arguments(self, inputs: Tensor, wanted: Iterable[str]) -> dict[str, Arguments]:
        """Return what each of the layers is called with for `inputs`, in its last call: (positional, by name)."""
        taken: dict[str, Arguments] = {}

        def keep(name: str, _module: nn.Module, *arguments: Any) -> None:
            taken[name] = arguments

        with torch.no_grad(), ExitStack() as hooks:
            for name in wanted:
                hook = self.modules[name].register_forward_pre_hook(partial(keep, name), with_kwargs=True)
                hooks.callback(hook.remove)
            self.module(inputs.to(self.device))
        return taken

    def above(self, picture: Tensor, layer: str) -> Callable[[Tensor], Tensor]:
        """Return the function from outputs of `layer` (B, …), in place of its last one, to the model's outputs.

        All else is as for `picture` (1, C, H, W). What has ended before `layer` does is computed once, here.
        """
        if not self.calls:
            self.trace(picture)
        times = self.calls[layer].times
        ended = self._ended(picture, layer, times)

        def run(outputs: Tensor) -> Tensor:
            calls = count(1)

            def replace(_module: nn.Module, _inputs: object, _output: object) -> Tensor | None:
                return outputs.clone() if next(calls) == times else None

            with ExitStack() as stack:
                for name, output in ended.items():
                    batch = output.expand(len(outputs), *output.shape[1:])
                    stack.enter_context(_answering(self.modules[name], batch))
                stack.enter_context(self._hooked(layer, replace))
                return self.predict(picture.repeat(len(outputs), 1, 1, 1))

        return run

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
            self.module(picture.to(self.device))
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


def _one_tensor(output: object, culprit: str) -> Tensor:
    if not isinstance(output, Tensor):
        raise MirrorError(f"{culprit} gives a {type(output).__name__}, where one tensor is needed.")
    return output
