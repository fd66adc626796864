"""Creates a private copy of a model, keeps it in step with the model, and runs it without changing the model."""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mirror_app import layers
from mirror_app.probe.batch_dimension import batch_axes, batch_first, is_batch_independent
from mirror_app.probe.clone import Clone
from mirror_app.probe.fingerprint import Structure, fingerprint
from mirror_app.probe.forward_behaviour import ForwardBehaviour, cache_behaviour, cached_behaviour, observe_forward
from mirror_app.probe.input_type import DTYPES, InputCast
from mirror_app.probe.outputs import as_dicts
from mirror_app.probe.supported_models import supported_module

_RUN_SEPARATELY_NOTE = "This model's answers depend on the other pictures in a batch, so each picture was run alone."
_RANDOM_NOTE = (
    "This model draws random numbers as it runs. Every run here used the same numbers; different ones may give a "
    "different result."
)


class PrivateModel:
    """A private copy of `model`, frozen and in evaluation mode, which shares its weights with the original.

    The tensors that the forward pass writes into are always copied; if `device` is not the model's device, all weights
    are copied too. `extra_inputs` holds the inputs that follow the pictures, (1, …) each; all pictures share them.
    Raises MirrorError for a model that cannot be inspected.
    """

    def __init__(self, model: nn.Module, device: torch.device | str | None = None) -> None:
        self.source, self.note = supported_module(model)
        self.extra_inputs: tuple[Tensor, ...] = ()
        self.input_cast = InputCast()
        self._device = device
        self._build(cached_behaviour(self.source))

    def _build(self, behaviour: ForwardBehaviour | None) -> None:
        self._share_caches(behaviour)
        self._clone = Clone(self.source, self._device, behaviour.written if behaviour else frozenset())
        if behaviour and behaviour.signature != self._clone.signature:  # the model's objects have changed since
            self._share_caches(None)
        self._clone.seeds_randomness = self._behaviour is not None and self._behaviour.is_random
        self.module = self._clone.module
        self.modules = dict(self.module.named_modules())
        self.device = next((p.device for p in self.module.parameters()), torch.device(self._device or "cpu"))
        self._weight_dtypes = frozenset(weight.dtype for weight in self.module.parameters() if weight.dtype in DTYPES)
        self.calls: dict[str, layers.Call] = {}
        self._sample: Tensor | None = None
        self._lingering_hooks: list[RemovableHandle] = []  # hooks that a backward pass may still need
        self._structure = Structure(self.source)
        self._initial_fingerprint = self._fingerprint()

    def _share_caches(self, behaviour: ForwardBehaviour | None) -> None:
        """Share `behaviour` and the caches in it with the other views of the model."""
        self._behaviour = behaviour
        self._batch_independence: dict[tuple[int, ...], bool] = behaviour.batch_independent if behaviour else {}
        self.default_layers: dict[tuple[int, ...], str] = behaviour.default_layers if behaviour else {}
        self.earlier_layers: dict[tuple[int, ...], str] = behaviour.earlier_layers if behaviour else {}
        self.layouts: dict[tuple[str, tuple[int, ...]], Any] = behaviour.layouts if behaviour else {}

    def sync(self) -> None:
        """Take over changes in the original model, such as a new head, other weights or another hook."""
        if not self._structure.is_current() or self._clone.is_stale():
            self._build(None)
        else:
            self._clone.sync()

    def ensure_observed(self, inputs: Tensor) -> None:
        """Observe the model's behaviour on the first of `inputs` (N, C, H, W), unless it is already known.

        The model runs once on a copy of all its weights, so nothing it writes can reach the original. Raises
        MirrorError if the copy still uses weights of the original, since something that refers to them was not copied.
        """
        if self._behaviour is None:

            def call(module: nn.Module, with_graph: bool) -> Any:
                return module(*self._arguments(inputs[:1].detach().to(self.device).requires_grad_(with_graph)))

            behaviour, output = observe_forward(self.source, self._device, call)
            if behaviour.written:
                self._build(replace(behaviour, signature=self._clone.signature))
            self._clone.seeds_randomness = behaviour.is_random
            with torch.no_grad(), self._clone.restored():
                axes = batch_axes(as_dicts(output), partial(self.call_module, self.module), inputs[:1].detach())
            behaviour = replace(behaviour, batch_axes=axes, signature=self._clone.signature)
            self._share_caches(behaviour)
            self.calls = behaviour.calls
            cache_behaviour(self.source, behaviour)
        if self._sample is None:
            self._sample = inputs[:1].detach().clone()

    @property
    def notes(self) -> list[str]:
        """The notes to show with every result of this view."""
        is_random = self._clone.is_random or (self._behaviour is not None and self._behaviour.is_random)
        is_coupled = False in self._batch_independence.values()
        run_note = _RANDOM_NOTE if is_random else _RUN_SEPARATELY_NOTE if is_coupled else ""
        return [note for note in (self.note, run_note) if note]

    @property
    def has_effects(self) -> bool:
        """Whether running the model changes it; True until it has been observed."""
        return self._behaviour is None or self._behaviour.has_effects or self._clone.has_effects

    @property
    def is_batch_independent(self) -> bool:
        """Whether the model answers each picture of a batch independently; tested once per input shape."""
        assert self._sample is not None
        shape = tuple(self._sample.shape)
        if shape not in self._batch_independence:
            with torch.no_grad():
                self._batch_independence[shape] = is_batch_independent(self.run, self._sample)
        return self._batch_independence[shape]

    def prepare_inputs(self, inputs: Tensor) -> Tensor:
        """Select the floating-point type in which the model receives its inputs, and return `inputs` in it.

        If the selected type is less precise than float32, the inputs are returned in float32.
        """
        return self.input_cast.select_dtype(inputs, self._weight_dtypes, self.run)

    def run(self, inputs: Tensor) -> Any:
        """Return the model's output for `inputs` (N, C, H, W) and its extra inputs.

        The first axis of each output tensor is the batch axis, even if the model returns no batch axis for one picture.
        Objects that hold tensors become dictionaries.
        """
        self.ensure_observed(inputs)
        self._remove_lingering_hooks()
        with self._clone.restored():
            return self.call_module(self.module, inputs)

    def _remove_lingering_hooks(self) -> None:
        while self._lingering_hooks:
            self._lingering_hooks.pop().remove()

    def call_module(self, module: nn.Module, inputs: Tensor) -> Any:
        """Return the output of `module`, the private or the original model, in the form that `run` returns."""
        output = as_dicts(module(*self._arguments(inputs)))
        axes = self._behaviour.batch_axes if self._behaviour and len(inputs) == 1 else ()
        return batch_first(output, axes) if axes else output

    def _arguments(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return copies of the model's inputs, since its code may write into them."""
        extra = (tensor.to(self.device).expand(len(inputs), *tensor.shape[1:]) for tensor in self.extra_inputs)
        return self.input_cast(tuple(tensor.clone() for tensor in (inputs.to(self.device), *extra)))

    def is_unchanged(self) -> bool:
        """Tell whether flags, hooks, gradients and versions of the weights are still as they were at creation."""
        self._remove_lingering_hooks()
        return self._fingerprint() == self._initial_fingerprint

    def _fingerprint(self) -> list[object]:
        return fingerprint(self.module, writable={id(tensor) for tensor in self._clone.private_tensors})
