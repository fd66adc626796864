"""A private copy of one model: made, kept up to date with the model, and run, without a trace."""

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
from mirror_app.probe.forward_behaviour import ForwardBehaviour, cache_behaviour, cached_behaviour, observe
from mirror_app.probe.input_type import TYPES, InputCast
from mirror_app.probe.outputs import as_dicts
from mirror_app.probe.supported_models import supported_module

_ALONE = "In a batch, this model's answers change with their neighbours: each picture was run alone."
_RANDOM = "This model draws random numbers as it runs: they were the same in each run, one draw of many."


class PrivateModel:
    """A private copy of `model` in evaluation mode that shares its weights, frozen.

    On another `device` than the model's the weights are copied, for they cannot be shared, and so are those that the
    model's forward pass writes into. `extra_inputs` is what the model takes after the pictures, (1, …) each: the same
    for all. Raises MirrorError for a model that cannot be looked into.
    """

    def __init__(self, model: nn.Module, device: torch.device | str | None = None) -> None:
        self.source, self.note = supported_module(model)
        self.extra_inputs: tuple[Tensor, ...] = ()
        self.input_cast = InputCast()
        self._device = device
        self._make(cached_behaviour(self.source))

    def _make(self, behaviour: ForwardBehaviour | None) -> None:
        self._adopt(behaviour)
        self._clone = Clone(self.source, self._device, behaviour.written if behaviour else frozenset())
        if (
            behaviour and behaviour.signature != self._clone.signature
        ):  # seen when the model's objects held something else
            self._adopt(None)
        self._clone.draws = self._behaviour is not None and self._behaviour.is_random
        self.module = self._clone.module
        self.modules = dict(self.module.named_modules())
        self.device = next((p.device for p in self.module.parameters()), torch.device(self._device or "cpu"))
        self._types = frozenset(weight.dtype for weight in self.module.parameters() if weight.dtype in TYPES)
        self.calls: dict[str, layers.Call] = {}
        self._picture: Tensor | None = None
        self._left: list[RemovableHandle] = []  # hooks that a backward pass may need, until the model runs again
        self._structure = Structure(self.source)
        self._print = self._fingerprint()

    def _adopt(self, behaviour: ForwardBehaviour | None) -> None:
        """Share what is known of the model, and what will be found out, with its other views."""
        self._behaviour = behaviour
        self._independent: dict[tuple[int, ...], bool] = behaviour.independent if behaviour else {}
        self.default_layers: dict[tuple[int, ...], str] = behaviour.default_layers if behaviour else {}
        self.layers_before: dict[tuple[int, ...], str] = behaviour.layers_before if behaviour else {}
        self.layouts: dict[tuple[str, tuple[int, ...]], Any] = behaviour.layouts if behaviour else {}

    def sync(self) -> None:
        """Take over what has changed in the model since: a new head, other weights, another hook."""
        if not Structure(self.source).is_identical(self._structure) or self._clone.is_stale():
            self._make(None)
        else:
            self._clone.sync()

    def ensure_observed(self, inputs: Tensor) -> None:
        """See what the model does on the first of `inputs` (N, C, H, W), where that is not known; raise MirrorError.

        The model runs once on a copy of all its weights, so that nothing it writes can reach the model handed in.
        """
        if self._behaviour is None:

            def call(module: nn.Module, graph: bool) -> Any:
                return module(*self._arguments(inputs[:1].detach().to(self.device).requires_grad_(graph)))

            behaviour, output = observe(self.source, self._device, call)
            if behaviour.written:
                self._make(replace(behaviour, signature=self._clone.signature))
            self._clone.draws = behaviour.is_random
            with torch.no_grad(), self._clone.restored():
                axes = batch_axes(as_dicts(output), partial(self.call_module, self.module), inputs[:1].detach())
            behaviour = replace(behaviour, axes=axes, signature=self._clone.signature)
            self._adopt(behaviour)
            self.calls = behaviour.calls
            cache_behaviour(self.source, behaviour)
        if self._picture is None:
            self._picture = inputs[:1].detach().clone()

    @property
    def notes(self) -> list[str]:
        """What must be said of whatever this view shows."""
        is_random = self._clone.is_random or (self._behaviour is not None and self._behaviour.is_random)
        alone = False in self._independent.values()
        return [note for note in (self.note, _RANDOM if is_random else _ALONE if alone else "") if note]

    @property
    def has_effects(self) -> bool:
        """Whether running the model changes it, as far as that is known: not before it has run."""
        return self._behaviour is None or self._behaviour.has_effects or self._clone.has_effects

    @property
    def is_batch_independent(self) -> bool:
        """Whether the model answers each picture of a batch on its own; it is tried once, with a picture that ran."""
        assert self._picture is not None
        shape = tuple(self._picture.shape)
        if shape not in self._independent:
            with torch.no_grad():
                self._independent[shape] = is_batch_independent(self.run, self._picture)
        return self._independent[shape]

    def prepare_inputs(self, inputs: Tensor) -> Tensor:
        """Find the floating type in which the model takes `inputs`; return them in that type, in float32 at least.

        From then on the model is given its inputs in that type, whatever type the work on them is done in.
        """
        return self.input_cast.select_dtype(inputs, self._types, self.run)

    def run(self, inputs: Tensor) -> Any:
        """Return what the model gives for `inputs` (N, C, H, W), and for what it takes beside them.

        The first axis of its tensors counts the pictures, also where one picture comes without such an axis, and
        objects that hold tensors are dictionaries.
        """
        self.ensure_observed(inputs)
        self._remove_left()
        with self._clone.restored():
            return self.call_module(self.module, inputs)

    def _remove_left(self) -> None:
        while self._left:
            self._left.pop().remove()

    def call_module(self, module: nn.Module, inputs: Tensor) -> Any:
        """Return what `module` gives, the view's or the one handed in, as `run` does."""
        output = as_dicts(module(*self._arguments(inputs)))
        axes = self._behaviour.axes if self._behaviour and len(inputs) == 1 else ()
        return batch_first(output, axes) if axes else output

    def _arguments(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return copies of what the model takes, since its code may write into them."""
        others = (part.to(self.device).expand(len(inputs), *part.shape[1:]) for part in self.extra_inputs)
        return self.input_cast(tuple(part.clone() for part in (inputs.to(self.device), *others)))

    def is_unchanged(self) -> bool:
        """Tell whether the view is still as it was made: flags, hooks, gradients and the versions of its weights."""
        self._remove_left()
        return self._fingerprint() == self._print

    def _fingerprint(self) -> list[object]:
        return fingerprint(self.module, but={id(tensor) for tensor in self._clone.own})
