"""A model: the module, its preprocessing, its class names and the meaning of its output."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.images import Picture, Preprocessing
from mirror_app.models.text_encoder import TextEncoder
from mirror_app.probe import Pool
from mirror_app.probe.configuration import configured_class_names
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import answers_of, meaning_of, mismatch_error


@dataclass(frozen=True, eq=False)
class Model:
    """An `nn.Module` with the preprocessing it was trained with, its class names and the meaning of its output.

    Args:
        name: The name of the model on the page and in links.
        module: The module, in evaluation mode. It is never changed.
        preprocessing: The way in which pictures become inputs.
        classes: The names of the numbers in the output, such as class names.
        untrained: Whether the weights are random.
        extra_inputs: The inputs that follow the picture, (1, …) each. A picture may bring its own.
        labels: The class names of the regions or boxes, for segmentation and detection.
        output: The meaning of the output; None if unknown.
        text_encoder: Embeds texts in the same space as the module embeds pictures, if the model reads texts, too.

    Example:
        >>> from torch import nn
        >>> from mirror_app.images import Preprocessing
        >>> from mirror_app.models import Model
        >>> preprocessing = Preprocessing(size=8, resize=8, mean=(0.5,) * 3, std=(0.25,) * 3)
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).eval()
        >>> model = Model("tiny", net, preprocessing, classes=("cat", "dog"))
        >>> model.blank().shape, model.name_of(1)
        (torch.Size([1, 3, 8, 8]), 'dog')
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    untrained: bool = False
    extra_inputs: tuple[Tensor, ...] = ()
    labels: tuple[str, ...] = ()
    output: OutputMeaning | None = None
    text_encoder: TextEncoder | None = None

    def with_meaning(self, output: Any, kind: str = "", names: Sequence[str] = ()) -> "Model":
        """Return this model with the meaning and the names of its output.

        Args:
            output: The module's output for one picture.
            kind: An OutputKind, such as "labels". "" takes the kind from the module's configuration or, if the
                configuration does not name one, infers it from the output.
            names: The names of the numbers. Without them, those in the configuration are used, or else "class 0", …

        Raises:
            MirrorError: If the kind or the number of names does not fit the output.
        """
        meaning = meaning_of(output, self.module, OutputKind.of(kind) if kind else None)
        answers = answers_of(output)
        count = 0 if answers is None else answers.shape[1]
        if meaning is not None and meaning.kind in (OutputKind.REGIONS, OutputKind.BOXES):
            return replace(self, output=meaning, labels=tuple(names))
        output_kind = meaning.kind if meaning else OutputKind.NUMBERS
        classes = tuple(names) or configured_class_names(self.module, count) or output_kind.names(count)
        if names and len(names) != count:
            raise MirrorError(
                f"classes has {len(names)} names, but the model has {count} outputs.",
                culprit="classes",
                accepted=f"{count} names",
            )
        return replace(self, output=meaning, classes=classes)

    def with_output(self, kind: str) -> "Model":
        """Return this model with its output read as `kind`, such as "labels"; "" returns the model itself.

        Raises:
            MirrorError: If `kind` is not an OutputKind.
        """
        if not kind:
            return self
        output_kind, count = OutputKind.of(kind), len(self.classes)
        names = output_kind.names(count) if self.classes == self.kind.names(count) else self.classes
        model = replace(self, output=OutputMeaning(output_kind), classes=names)
        vars(model)["views"] = self.views  # the module is the same, so its private copies are shared
        return model

    def meaning(self, output: Any) -> OutputMeaning | None:
        """Return the meaning of the module's `output`; raise MirrorError if the declared kind does not fit it."""
        if self.output is None:
            return meaning_of(output, self.module)
        if error := mismatch_error(self.output.kind, output):
            raise error
        return self.output

    @property
    def kind(self) -> OutputKind:
        """The kind of the output; `CLASSES` if it is unknown."""
        return self.output.kind if self.output else OutputKind.CLASSES

    def name_of(self, number: int) -> str:
        """Return the name of output `number`, such as a class name."""
        return self.classes[number] if number < len(self.classes) else f"{self.kind.noun} {number}"

    @property
    def dtype(self) -> torch.dtype:
        """The floating-point type of the model's inputs."""
        if all(weight.dtype == torch.float32 for weight in self.module.parameters()):
            return torch.float32
        with self.views.lease(self.extra_inputs) as view:
            view.prepare_inputs(self.preprocessing.blank())
            assert view.input_cast.cast
            return view.input_cast.cast.dtype

    def inputs(self, picture: Picture) -> Tensor:
        """Return the model's input for `picture`, (1, C, h, w)."""
        inputs = self.preprocessing.prepare(picture)
        return inputs if picture.exact is not None else inputs.to(self.dtype)

    def extra_inputs_of(self, picture: Picture) -> tuple[Tensor, ...]:
        """Return the inputs that follow `picture`, (1, …) each."""
        return picture.extra_inputs or self.extra_inputs

    def blank(self) -> Tensor:
        """Return an input (1, C, h, w) of zeros."""
        return self.preprocessing.blank().to(self.dtype)

    @cached_property
    def views(self) -> Pool:
        """The pool of private views of the module, which computations lease."""
        return Pool(self.module)

    @property
    def bytes(self) -> int:
        """The memory that the parameters and buffers take, in bytes."""
        return self._module_bytes + (self.text_encoder.bytes if self.text_encoder else 0)

    @cached_property
    def _module_bytes(self) -> int:
        tensors = (*self.module.parameters(), *self.module.buffers())
        return sum(t.numel() * t.element_size() for t in tensors)
