"""A private view of one model: it can be stopped at a layer, split there, or run with the layer's output replaced."""

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
    """The requested layer runs before the layer at which the model is split."""


class View(PrivateModel):
    """A private model that can be stopped at a layer, split there, or run with the layer's output replaced."""

    def layer_name(self, layer: object) -> str:
        """Return the dotted name of `layer`, which is a name or a submodule of the model or of the view."""
        if isinstance(layer, list | tuple) and len(layer) == 1:
            (layer,) = layer
        if not isinstance(layer, str | nn.Module):
            kind, accepted = type(layer).__name__, "a dotted name or a submodule"
            raise MirrorError(f"The layer must be {accepted}, not a {kind}.", culprit=kind, accepted=accepted)
        own_name = next((name for name, module in self.modules.items() if module is layer), None)
        return layers.find(self.source, layer) if own_name is None else own_name

    def record_calls(self, inputs: Tensor) -> Any:
        """Run the whole model on `inputs` (N, C, H, W), record the calls of each layer, and return the output."""
        self.ensure_observed(inputs)
        with CallRecorder(self.modules) as recorder:
            output = self.run(inputs)
        self.calls = recorder.calls
        return output

    def capture(self, inputs: Tensor, layer: str) -> Tensor:
        """Return the output of `layer` for `inputs`, or that of its last call if it is called several times.

        Once the view knows how many times the layer is called, the forward pass stops after the last call.
        """
        with torch.no_grad():
            return require_tensor(self.outputs_of(inputs, [layer])[layer], layer)

    def outputs_of(self, inputs: Tensor, names: Iterable[str]) -> dict[str, Any]:
        """Return the output of each layer in `names`, as `capture` does, but with the autograd graph from `inputs`."""
        self.ensure_observed(inputs)
        captured: dict[str, list[object]] = {layer: [] for layer in names}
        if torch.is_grad_enabled() and inputs.requires_grad:
            self._require_gradient(lambda finished: not finished.issuperset(captured))

        def is_reached() -> bool:
            return all(name in self.calls and len(captured[name]) == self.calls[name].times for name in captured)

        def store_output(layer: str, _module: nn.Module, _inputs: object, output: object) -> object:
            if not is_reached():
                captured[layer].append(output)
            if is_reached():
                raise _StopForward
            # Later layers may work in place and must not overwrite the captured output.
            return tree_map(lambda item: item.clone() if isinstance(item, Tensor) else item, output)

        with ExitStack() as hooks, suppress(_StopForward):
            for layer in captured:
                hooks.enter_context(self._hooked(layer, partial(store_output, layer)))
            self.run(inputs) if self.calls else self.record_calls(inputs)
        return {layer: _last(outputs, layer) for layer, outputs in captured.items()}

    def accepts_size(self, inputs: Tensor, layer: str) -> bool:
        """Tell whether the model runs up to `layer` with `inputs` of this size; call `record_calls` first."""
        sample = self._sample
        try:
            with torch.no_grad():
                self.outputs_of(inputs, [layer])
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError):  # PyTorch rejects a size with one of these errors
            self._sample = sample  # batch independence must be tested with a size that runs
            return False
        return True

    def split(self, inputs: Tensor, layer: str, at: str = "") -> tuple[Tensor, Any]:
        """Return the output of `layer` as a leaf of the graph, and the output of layer `at` computed from it.

        The graph starts at the leaf, so no gradient reaches further down. An `at` of "" stands for the whole model.
        """
        self.ensure_observed(inputs)
        self._require_gradient(lambda finished: layer in finished)
        leaves: list[Tensor] = []
        calls = self._behaviour.calls if self._behaviour else {}
        remaining = calls[layer].times if layer in calls else 1

        def detach(_module: nn.Module, _inputs: object, output: object) -> Tensor | None:
            nonlocal remaining
            remaining -= 1
            if remaining > 0 and not leaves and require_tensor(output, layer).requires_grad:
                return None  # the model uses this call to compute a gradient of its own, so leave it alone
            if handle in self._lingering_hooks:  # a checkpointed block is recomputed in the backward pass
                return leaves[-1].clone()
            leaves.append(require_tensor(output, layer).detach().requires_grad_())
            # Later layers may work in place, which a leaf forbids, so they get a clone.
            return leaves[-1].clone()

        handle = self.modules[layer].register_forward_hook(detach)
        try:
            with torch.enable_grad():
                output = self._output_at(inputs, at)
        except BaseException:
            handle.remove()
            raise
        self._lingering_hooks.append(handle)
        if at and not leaves:
            raise RunsBeforeError(
                f"The layer '{at}' runs before '{layer}' and does not depend on it",
                culprit=at,
                hint="choose a later layer",
            )
        return _last(leaves, layer), output

    def run_from_inputs(self, inputs: Tensor, at: str = "") -> tuple[Tensor, Any]:
        """Return the inputs as a leaf of the graph, and the output of layer `at` computed from it."""
        self.ensure_observed(inputs)
        self._require_gradient(lambda _: True)
        leaf = inputs.to(self.device).detach().requires_grad_()
        with torch.enable_grad():
            return leaf, self._output_at(leaf.clone(), at)

    def predict(self, inputs: Tensor, at: str = "") -> Any:
        """Return the output of layer `at` for `inputs` (N, C, H, W), without a graph."""
        with torch.no_grad():
            return self._output_at(inputs, at)

    def layer_arguments(self, inputs: Tensor, names: Iterable[str]) -> dict[str, Arguments]:
        """Return the arguments of each layer's last call for `inputs`, as pairs (positional, by keyword)."""
        self.ensure_observed(inputs)
        recorded: dict[str, Arguments] = {}

        def record(name: str, _module: nn.Module, *arguments: Any) -> None:
            recorded[name] = arguments

        with torch.no_grad(), ExitStack() as hooks:
            for name in names:
                hook = self.modules[name].register_forward_pre_hook(partial(record, name), with_kwargs=True)
                hooks.callback(hook.remove)
            self.run(inputs)
        return recorded

    def run_from(self, picture: Tensor, layer: str, at: str = "") -> Callable[[Tensor], Any]:
        """Return a function from outputs of `layer` (B, …) to the output of layer `at`.

        The function's argument replaces the output of the last call of `layer`. Everything else is computed from
        `picture` (1, C, H, W). Layers that finish before `layer` run only once. If running the model modifies it, these
        layers run each time, because later layers may depend on the modifications.
        """
        self.ensure_observed(picture)
        if not self.calls:
            self.record_calls(picture)
        times = self.calls[layer].times
        finished = {} if self.has_effects else self._finished_outputs(picture, layer, times)

        def run(outputs: Tensor) -> Any:
            calls = count(1)

            def replace(_module: nn.Module, _inputs: object, output: object) -> Tensor | None:
                # Later layers may accept only the layer's own dtype.
                dtype = require_tensor(output, layer).dtype
                return outputs.to(dtype, copy=True) if next(calls) == times else None

            with ExitStack() as stack:
                for name, output in finished.items():
                    expanded = output.expand(len(outputs), *output.shape[1:])
                    stack.enter_context(_replaced_output(self.modules[name], expanded))
                stack.enter_context(self._hooked(layer, replace))
                return self.predict(picture.repeat(len(outputs), 1, 1, 1), at)

        return run

    def _output_at(self, inputs: Tensor, at: str) -> Any:
        return self.outputs_of(inputs, [at])[at] if at else self.run(inputs)

    def _require_gradient(self, is_lost: Callable[[frozenset[str]], bool]) -> None:
        """Raise MirrorError if gradients end in the model and `is_lost` is true for the layers finished before that."""
        gradient_break = self._behaviour.gradient_break if self._behaviour else None
        if gradient_break and (gradient_break.finished is None or is_lost(gradient_break.finished)):
            raise MirrorError(
                gradient_break.reason,
                culprit=gradient_break.layer,
                hint="make it record a graph, or use a visualisation without gradients, such as Occlusion or RISE",
            )

    def _finished_outputs(self, picture: Tensor, layer: str, times: int) -> dict[str, Tensor]:
        """Return the outputs of the outermost layers that have finished when `layer` finishes for the last time."""
        finished: dict[str, Tensor] = {}

        def record(name: str, output: object) -> None:
            # A layer that is called several times, or whose output has no batch axis, must run each time.
            if isinstance(output, Tensor) and output.shape[:1] == (1,) and self.calls[name].times == 1:
                for nested in [other_name for other_name in finished if other_name.startswith(f"{name}.")]:
                    del finished[nested]
                finished[name] = output.clone()

        self._run_until(picture, layer, times, self.calls, record)
        # A first axis of length 1 need not be the batch axis, for example in a table of positional embeddings.
        batch_sizes = dict.fromkeys(finished, 2)
        if self.is_batch_independent:
            pair = picture.repeat(2, 1, 1, 1)
            self._run_until(pair, layer, times, finished, lambda name, output: batch_sizes.update({name: len(output)}))
        return {name: output for name, output in finished.items() if batch_sizes[name] == 2}

    def _run_until(
        self, inputs: Tensor, layer: str, n_calls: int, names: Iterable[str], on_end: Callable[[str, Any], None]
    ) -> None:
        """Run until `layer` has finished `n_calls` times; call `on_end(name, output)` when a layer in `names` ends."""
        remaining = n_calls

        def end(name: str, _module: nn.Module, _inputs: object, output: object) -> None:
            if remaining > 0:  # otherwise the model's code has caught _StopForward
                on_end(name, output)

        def stop(_module: nn.Module, _inputs: object, _output: object) -> None:
            nonlocal remaining
            remaining -= 1
            if remaining <= 0:
                raise _StopForward

        with torch.no_grad(), ExitStack() as hooks, suppress(_StopForward):
            # These hooks run before the model's own hooks, which could change the output. The model's own hooks run
            # later, when the recorded output is replayed.
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
def _replaced_output(module: nn.Module, output: Tensor) -> Iterator[None]:
    """Make `module` return copies of `output` instead of computing it; later layers may work in place on the copies."""
    saved = {key: value for key, value in vars(module).items() if key == "forward"}
    vars(module)["forward"] = lambda *_, **__: output.clone()
    try:
        yield
    finally:
        del vars(module)["forward"]
        vars(module).update(saved)


class _StopForward(BaseException):
    """Ends a forward pass as soon as the requested layers have run."""


def _last(recorded: list[T], layer: str) -> T:
    if not recorded:
        raise MirrorError(
            f"The forward pass never reaches the layer '{layer}'", culprit=layer, hint="choose a layer that runs"
        )
    return recorded[-1]


def require_tensor(output: object, layer: str) -> Tensor:
    """Return `output`, the output of `layer`; raise MirrorError if it is not one tensor of real numbers."""
    if not isinstance(output, Tensor):
        subject, kind = f"The layer '{layer}'" if layer else "The model", type(output).__name__
        raise MirrorError(f"{subject} must return one tensor, not a {kind}.", culprit=kind, accepted="one tensor")
    if output.is_complex():
        raise MirrorError(
            f"The layer '{layer}' gives complex numbers, which Mirror cannot show",
            culprit=layer,
            hint="choose another layer",
        )
    return output
