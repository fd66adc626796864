"""A model: the module, what it expects, and what its classes are called."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from mirror_app.images import Picture, Preprocessing
from mirror_app.probe import Pool


@dataclass(frozen=True, eq=False)
class Model:
    """An `nn.Module` in evaluation mode, with the preprocessing that it was trained with and its class names.

    `untrained`: its weights are random numbers. `extra_inputs` is what the module takes after a picture, (1, …) each,
    where the picture brings nothing of its own. `labels` are the names of what it marks, where it gives places or
    boxes.
    """

    name: str
    module: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    untrained: bool = False
    extra_inputs: tuple[Tensor, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def dtype(self) -> torch.dtype:
        """The floating type in which it takes pictures."""
        if all(weight.dtype == torch.float32 for weight in self.module.parameters()):
            return torch.float32
        with self.views.lease(self.extra_inputs) as view:
            view.accept(self.preprocessing.blank())
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
