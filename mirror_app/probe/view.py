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
from mirror_app.probe.call_recorder import CallRecorder
from mirror_app.probe.private_model import PrivateModel

T = TypeVar("T")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Hook = Callable[[nn.Module, tuple[object, ...], object], object]


class RunsBeforeError(MirrorError):
    """The layer that is asked runs before the one that is cut."""


class View(PrivateModel):
    """A private model that can be stopped at a layer, cut there, and given something else in its place."""

    def layer_name(self, layer: object) -> str:
        """Return the dotted name of `layer`: a name, or a submodule of the model or of the view."""
        if isinstance(layer, list | tuple) and len(layer) == 1:
            (layer,) = layer
        if not isinstance(layer, str | nn.Module):
            raise MirrorError(f"The layer is a {type(layer).__name__}: its dotted name or the submodule is needed.")
        own = next((name for name, module in self.modules.items() if module is layer), None)
        return layers.find(self.source, layer) if own is None else own

    def record_calls(self, inputs: Tensor) -> Any:
        """Run the whole model on `inputs` (N, C, H, W), learn how each layer is called, and return the output."""
        self.ensure_observed(inputs)
        with CallRecorder(self.modules) as log:
            output = self.run(inputs)
        self.calls = log.calls
        return output

    def capture(self, inputs: Tensor, layer: str) -> Tensor:
        """Return the output of `layer` for `inputs`: of its last call, where it is called more than once.

        Once the view knows how often the layer is called, the forward pass goes no further than that.
        """
        with torch.no_grad():
            return require_tensor(self.outputs_of(inputs, [layer])[layer], layer)

    def outputs_of(self, inputs: Tensor, wanted: Iterable[str]) -> dict[str, Any]:
        """Return the outputs of the layers that are wanted, as `capture` does, on the graph from `inputs` to them."""
        self.ensure_observed(inputs)
        taken: dict[str, list[object]] = {layer: [] for layer in wanted}
        if torch.is_grad_enabled() and inputs.requires_grad:
            self._require_gradient(lambda behind: not behind.issuperset(taken))

        def is_reached() -> bool:
            return all(name in self.calls and len(taken[name]) == self.calls[name].times for name in taken)

        def keep(layer: str, _module: nn.Module, _inputs: object, output: object) -> object:
            if not is_reached():
                taken[layer].append(output)
            if is_reached():
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
        ran = self._picture
        try:
            with torch.no_grad():
                self.outputs_of(inputs, [layer])
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError):  # how PyTorch's operations refuse a size
            self._picture = ran  # whether pictures are answered one by one is tried with one that runs
            return False
        return True

    def split(self, inputs: Tensor, layer: str, at: str = "") -> tuple[Tensor, Any]:
        """Return the output of `layer` as a leaf of the graph, and what the layer `at` gives, computed from it.

        The graph begins at the leaf: nothing is recorded below it, and a gradient goes no further down. '' is the
        model.
        """
        self.ensure_observed(inputs)
        self._require_gradient(lambda behind: layer in behind)
        taken: list[Tensor] = []
        known = self._behaviour.calls if self._behaviour else {}
        left = known[layer].times if layer in known else 1

        def cut(_module: nn.Module, _inputs: object, output: object) -> Tensor | None:
            nonlocal left
            left -= 1
            if left > 0 and not taken and require_tensor(output, layer).requires_grad:
                return None  # this call is part of a gradient that the model takes itself
            if handle in self._left:  # in the backward pass, a checkpointed block is computed again
                return taken[-1].clone()
            taken.append(require_tensor(output, layer).detach().requires_grad_())
            # A clone, since what comes next may work in place, which a leaf does not allow.
            return taken[-1].clone()

        handle = self.modules[layer].register_forward_hook(cut)
        try:
            with torch.enable_grad():
                output = self._until(inputs, at)
        except BaseException:
            handle.remove()
            raise
        self._left.append(handle)
        if at and not taken:
            raise RunsBeforeError(
                f"The layer '{at}' runs before '{layer}', and does not depend on it: choose a later one."
            )
        return _last(taken, layer), output

    def run_from_inputs(self, inputs: Tensor, at: str = "") -> tuple[Tensor, Any]:
        """Return the inputs as a leaf of the graph, and what the layer `at` gives, computed from it."""
        self.ensure_observed(inputs)
        self._require_gradient(lambda _: True)
        leaf = inputs.to(self.device).detach().requires_grad_()
        with torch.enable_grad():
            return leaf, self._until(leaf.clone(), at)

    def predict(self, inputs: Tensor, at: str = "") -> Any:
        """Return what the layer `at` gives for `inputs` (N, C, H, W), without a graph."""
        with torch.no_grad():
            return self._until(inputs, at)

    def layer_arguments(self, inputs: Tensor, wanted: Iterable[str]) -> dict[str, Arguments]:
        """Return what each of the layers is called with for `inputs`, in its last call: (positional, by name)."""
        self.ensure_observed(inputs)
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

        All else is as for `picture` (1, C, H, W). What has ended before `layer` does is computed once, here, unless the
        model leaves something behind as it runs, which a later layer may look for.
        """
        self.ensure_observed(picture)
        if not self.calls:
            self.record_calls(picture)
        times = self.calls[layer].times
        ended = {} if self.has_effects else self._ended(picture, layer, times)

        def run(outputs: Tensor) -> Any:
            calls = count(1)

            def replace(_module: nn.Module, _inputs: object, output: object) -> Tensor | None:
                # In the layer's own type: what follows may take no other.
                own = require_tensor(output, layer).dtype
                return outputs.to(own, copy=True) if next(calls) == times else None

            with ExitStack() as stack:
                for name, output in ended.items():
                    batch = output.expand(len(outputs), *output.shape[1:])
                    stack.enter_context(_answering(self.modules[name], batch))
                stack.enter_context(self._hooked(layer, replace))
                return self.predict(picture.repeat(len(outputs), 1, 1, 1), at)

        return run

    def _until(self, inputs: Tensor, at: str) -> Any:
        return self.outputs_of(inputs, [at])[at] if at else self.run(inputs)

    def _require_gradient(self, is_lost: Callable[[frozenset[str]], bool]) -> None:
        """Raise MirrorError where gradients end, and `is_lost` says so of the layers that have ended before."""
        behaviour = self._behaviour
        if behaviour and behaviour.no_gradient and (behaviour.behind is None or is_lost(behaviour.behind)):
            raise MirrorError(
                f"{behaviour.no_gradient}: let it record a graph, or take a visualisation without gradients, such as "
                "Occlusion or RISE."
            )

    def _ended(self, picture: Tensor, layer: str, times: int) -> dict[str, Tensor]:
        """Return the outputs of the outermost layers that have ended when `layer` ends for the last time."""
        ended: dict[str, Tensor] = {}

        def keep(name: str, output: object) -> None:
            # A layer that is called again, or whose output is no batch, is not kept: it runs each time.
            if isinstance(output, Tensor) and output.shape[:1] == (1,) and self.calls[name].times == 1:
                for inner in [other for other in ended if other.startswith(f"{name}.")]:
                    del ended[inner]
                ended[name] = output.clone()

        self._run_until(picture, layer, times, self.calls, keep)
        # The first axis of a table of positions, say, has a length of 1 and does not count the pictures.
        lengths = dict.fromkeys(ended, 2)
        if self.is_batch_independent:
            pair = picture.repeat(2, 1, 1, 1)
            self._run_until(pair, layer, times, ended, lambda name, output: lengths.update({name: len(output)}))
        return {name: output for name, output in ended.items() if lengths[name] == 2}

    def _run_until(
        self, inputs: Tensor, layer: str, times: int, names: Iterable[str], on_end: Callable[[str, Any], None]
    ) -> None:
        """Run until `layer` has ended so many times; call `on_end(name, output)` as each of the layers `names` ends."""
        left = times

        def end(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
            if left > 0:  # else the model's code has caught what ends the run
                on_end(name, output)

        def stop(_module: nn.Module, _inputs: object, _output: object) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise _Reached

        with torch.no_grad(), ExitStack() as hooks, suppress(_Reached):
            # In front of the model's own hooks, for they run again on what is kept.
            handle = self.modules[layer].register_forward_hook(stop, prepend=True)
            hooks.callback(handle.remove)
            for name in list(names):
                handle = self.modules[name].register_forward_hook(partial(end, name), prepend=True)
                hooks.callback(handle.remove)
            self.run(inputs)

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


class _Reached(BaseException):
    """The layer that was wanted has run: the rest of the forward pass is not needed."""


def _last(taken: list[T], layer: str) -> T:
    if not taken:
        raise MirrorError(f"The forward pass never reaches the layer '{layer}': choose one that runs.")
    return taken[-1]


def require_tensor(output: object, layer: str) -> Tensor:
    """Return `output`, which `layer` gave; raise MirrorError where it is not one tensor of real numbers."""
    if not isinstance(output, Tensor):
        culprit = f"The layer '{layer}'" if layer else "The model"
        raise MirrorError(f"{culprit} gives a {type(output).__name__}, where one tensor is needed.")
    if output.is_complex():
        raise MirrorError(f"The layer '{layer}' gives complex numbers, which cannot be shown: choose another.")
    return output
