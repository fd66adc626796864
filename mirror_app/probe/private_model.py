"""A private copy of one model: made, kept up to date with the model, and run, without a trace."""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mirror_app import layers
from mirror_app.probe.admission import admitted
from mirror_app.probe.batch import is_independent, item_axes, items_first
from mirror_app.probe.clone import Clone
from mirror_app.probe.conduct import Conduct, observe, remember, remembered
from mirror_app.probe.fingerprint import Structure, fingerprint
from mirror_app.probe.input_type import TYPES, InputCast
from mirror_app.probe.outputs import as_dicts

_ALONE = "In a batch, this model's answers change with their neighbours: each picture was run alone."
_RANDOM = "This model draws random numbers as it runs: they were the same in each run, one draw of many."


class PrivateModel:
    """A private copy of `model` in evaluation mode that shares its weights, frozen.

    On another `device` than the model's the weights are copied, for they cannot be shared, and so are those that the
    model's forward pass writes into. `extra_inputs` is what the model takes after the pictures, (1, …) each: the same
    for all. Raises MirrorError for a model that cannot be looked into.
    """

    def __init__(self, model: nn.Module, device: torch.device | str | None = None) -> None:
        self.source, self.note = admitted(model)
        self.extra_inputs: tuple[Tensor, ...] = ()
        self.input_cast = InputCast()
        self._device = device
        self._make(remembered(self.source))

    def _make(self, conduct: Conduct | None) -> None:
        self._adopt(conduct)
        self._clone = Clone(self.source, self._device, conduct.written if conduct else frozenset())
        if conduct and conduct.signature != self._clone.signature:  # seen when the model's objects held something else
            self._adopt(None)
        self._clone.draws = self._conduct is not None and self._conduct.is_random
        self.module = self._clone.module
        self.modules = dict(self.module.named_modules())
        self.device = next((p.device for p in self.module.parameters()), torch.device(self._device or "cpu"))
        self._types = frozenset(weight.dtype for weight in self.module.parameters() if weight.dtype in TYPES)
        self.calls: dict[str, layers.Call] = {}
        self._picture: Tensor | None = None
        self._left: list[RemovableHandle] = []  # hooks that a backward pass may need, until the model runs again
        self._structure = Structure(self.source)
        self._print = self._fingerprint()

    def _adopt(self, conduct: Conduct | None) -> None:
        """Share what is known of the model, and what will be found out, with its other views."""
        self._conduct = conduct
        self._independent: dict[tuple[int, ...], bool] = conduct.independent if conduct else {}
        self.default_layers: dict[tuple[int, ...], str] = conduct.default_layers if conduct else {}
        self.layers_before: dict[tuple[int, ...], str] = conduct.layers_before if conduct else {}
        self.layouts: dict[tuple[str, tuple[int, ...]], Any] = conduct.layouts if conduct else {}

    def follow(self) -> None:
        """Take over what has changed in the model since: a new head, other weights, another hook."""
        if not Structure(self.source).is_identical(self._structure) or self._clone.is_stale():
            self._make(None)
        else:
            self._clone.follow()

    def learn(self, inputs: Tensor) -> None:
        """See what the model does on the first of `inputs` (N, C, H, W), where that is not known; raise MirrorError.

        The model runs once on a copy of all its weights, so that nothing it writes can reach the model handed in.
        """
        if self._conduct is None:

            def call(module: nn.Module, graph: bool) -> Any:
                return module(*self._arguments(inputs[:1].detach().to(self.device).requires_grad_(graph)))

            conduct, output = observe(self.source, self._device, call)
            if conduct.written:
                self._make(replace(conduct, signature=self._clone.signature))
            self._clone.draws = conduct.is_random
            with torch.no_grad(), self._clone.restored():
                axes = item_axes(as_dicts(output), partial(self.answer_of, self.module), inputs[:1].detach())
            conduct = replace(conduct, axes=axes, signature=self._clone.signature)
            self._adopt(conduct)
            self.calls = conduct.calls
            remember(self.source, conduct)
        if self._picture is None:
            self._picture = inputs[:1].detach().clone()

    @property
    def notes(self) -> list[str]:
        """What must be said of whatever this view shows."""
        is_random = self._clone.is_random or (self._conduct is not None and self._conduct.is_random)
        alone = False in self._independent.values()
        return [note for note in (self.note, _RANDOM if is_random else _ALONE if alone else "") if note]

    @property
    def has_effects(self) -> bool:
        """Whether running the model changes it, as far as that is known: not before it has run."""
        return self._conduct is None or self._conduct.has_effects or self._clone.has_effects

    @property
    def is_independent(self) -> bool:
        """Whether the model answers each picture of a batch on its own; it is tried once, with a picture that ran."""
        assert self._picture is not None
        shape = tuple(self._picture.shape)
        if shape not in self._independent:
            with torch.no_grad():
                self._independent[shape] = is_independent(self.run, self._picture)
        return self._independent[shape]

    def accept(self, inputs: Tensor) -> Tensor:
        """Find the floating type in which the model takes `inputs`; return them in that type, in float32 at least.

        From then on the model is given its inputs in that type, whatever type the work on them is done in.
        """
        return self.input_cast.settle(inputs, self._types, self.run)

    def run(self, inputs: Tensor) -> Any:
        """Return what the model gives for `inputs` (N, C, H, W), and for what it takes beside them.

        The first axis of its tensors counts the pictures, also where one picture comes without such an axis, and
        objects that hold tensors are dictionaries.
        """
        self.learn(inputs)
        self._remove_left()
        with self._clone.restored():
            return self.answer_of(self.module, inputs)

    def _remove_left(self) -> None:
        while self._left:
            self._left.pop().remove()

    def answer_of(self, module: nn.Module, inputs: Tensor) -> Any:
        """Return what `module` gives, the view's or the one handed in, as `run` does."""
        output = as_dicts(module(*self._arguments(inputs)))
        axes = self._conduct.axes if self._conduct and len(inputs) == 1 else ()
        return items_first(output, axes) if axes else output

    def _arguments(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return copies of what the model takes, since its code may write into them."""
        others = (part.to(self.device).expand(len(inputs), *part.shape[1:]) for part in self.extra_inputs)
        return self.input_cast(tuple(part.clone() for part in (inputs.to(self.device), *others)))

    def unchanged(self) -> bool:
        """Tell whether the view is still as it was made: flags, hooks, gradients and the versions of its weights."""
        self._remove_left()
        return self._fingerprint() == self._print

    def _fingerprint(self) -> list[object]:
        return fingerprint(self.module, but={id(tensor) for tensor in self._clone.own})
