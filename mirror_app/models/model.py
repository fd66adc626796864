"""A model: the module, what it expects, and what its classes are called."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.images import Picture, Preprocessing
from mirror_app.probe import Pool
from mirror_app.probe.configuration import configured_class_names
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import answers_of, meaning_of, mismatch_reason


@dataclass(frozen=True, eq=False)
class Model:
    """An `nn.Module` in evaluation mode, with the preprocessing that it was trained with and its class names.

    `untrained`: its weights are random numbers. `extra_inputs` is what the module takes after a picture, (1, …) each,
    where the picture brings nothing of its own. `labels` are the names of what it marks, where it gives places or
    boxes. `output` says what its numbers mean, of which `classes` are the names; None where nobody said or tried it.
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    untrained: bool = False
    extra_inputs: tuple[Tensor, ...] = ()
    labels: tuple[str, ...] = ()
    output: OutputMeaning | None = None

    def explained(self, output: Any, word: str = "", names: Sequence[str] = ()) -> "Model":
        """Return this model with what its numbers mean and are called, of which `output`, for one picture, is a sample.

        Where `word`, such as "labels", does not say it, its configuration does, or else what is usual. Where there are
        no `names`, those of its configuration are taken, or else numbers. Raises MirrorError where they do not fit.
        """
        meaning = meaning_of(output, self.module, OutputKind.of(word) if word else None)
        answers = answers_of(output)
        count = 0 if answers is None else answers.shape[1]
        if meaning is not None and meaning.kind in (OutputKind.REGIONS, OutputKind.BOXES):
            return replace(self, output=meaning, labels=tuple(names))
        kind = meaning.kind if meaning else OutputKind.NUMBERS
        found = tuple(names) or configured_class_names(self.module, count) or kind.names(count)
        if names and len(names) != count:
            raise MirrorError(f"there are {len(names)} names of classes, and the model has {count}.")
        return replace(self, output=meaning, classes=found)

    def with_output(self, word: str) -> "Model":
        """Return this model with its numbers taken for what `word` says, such as "labels"; itself for "".

        Raises MirrorError for a word that is no OutputKind.
        """
        if not word:
            return self
        kind, count = OutputKind.of(word), len(self.classes)
        names = kind.names(count) if self.classes == self.kind.names(count) else self.classes
        other = replace(self, output=OutputMeaning(kind), classes=names)
        vars(other)["views"] = self.views  # its module is the same one, and so are the private copies of it
        return other

    def meaning(self, output: Any) -> OutputMeaning | None:
        """Return what `output`, which the module gave, means; raise MirrorError where it is not what was said."""
        if self.output is None:
            return meaning_of(output, self.module)
        if reason := mismatch_reason(self.output.kind, output):
            raise MirrorError(reason)
        return self.output

    @property
    def kind(self) -> OutputKind:
        """What its numbers are, as far as words go: classes where nobody said or tried it."""
        return self.output.kind if self.output else OutputKind.CLASSES

    def name_of(self, number: int) -> str:
        """Return what the class, the label or the number of that index is called."""
        return self.classes[number] if number < len(self.classes) else f"{self.kind.noun} {number}"

    @property
    def dtype(self) -> torch.dtype:
        """The floating type in which it takes pictures."""
        if all(weight.dtype == torch.float32 for weight in self.module.parameters()):
            return torch.float32
        with self.views.lease(self.extra_inputs) as view:
            view.prepare_inputs(self.preprocessing.blank())
            assert view.input_cast.cast
            return view.input_cast.cast.dtype

    def inputs(self, picture: Picture) -> Tensor:
        """Return what the model is given for `picture`, (1, C, h, w)."""
        inputs = self.preprocessing.prepare(picture)
        return inputs if picture.exact is not None else inputs.to(self.dtype)

    def extra_inputs_of(self, picture: Picture) -> tuple[Tensor, ...]:
        """Return what the model is given beside `picture`, (1, …) each."""
        return picture.extra_inputs or self.extra_inputs

    def blank(self) -> Tensor:
        """Return an input (1, C, h, w) of zeros, of the size that it expects."""
        return self.preprocessing.blank().to(self.dtype)

    @cached_property
    def views(self) -> Pool:
        return Pool(self.module)

    @cached_property
    def bytes(self) -> int:
        """The memory that its weights take."""
        tensors = (*self.module.parameters(), *self.module.buffers())
        return sum(t.numel() * t.element_size() for t in tensors)
