"""A copy of a model that shares its weights, frozen, while its modules, flags, hooks and lists are its own."""

import operator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.probe.copying import MACHINERY, Copier, refill


class Clone:
    """`module` is a structural copy of `source` in evaluation mode, with nothing in place.

    It shares the source's tensors but for those that its forward pass writes into: `written` are their numbers, in the
    order in which they are met, or None for all of them. On another `device` all are copied.
    """

    def __init__(
        self, source: nn.Module, device: torch.device | str | None = None, written: frozenset[int] | None = frozenset()
    ) -> None:
        self.pairs: list[tuple[Tensor, Tensor]] = []  # the copy's tensors, and the source's
        self._device = None if device is None else torch.device(device)
        self._written = written
        self.is_stateful = False  # whether the model's code has been seen to change attributes or lists
        copier = Copier(self._tensor)
        with torch.inference_mode(False), torch.no_grad():
            self.module: nn.Module = copier.copy(source)
        self._containers = list(copier.containers.values())
        self._namespaces = [space for module in copier.modules for space in _namespaces(module)]

    @property
    def written(self) -> list[Tensor]:
        """The copy's tensors that the model's forward pass writes into."""
        return [self.pairs[number][0] for number in self._written or ()]

    def compare(self) -> frozenset[int]:
        """Return the numbers of the tensors in which the copy is no longer the source, to the bit."""
        return frozenset(number for number, (mine, source) in enumerate(self.pairs) if not _same(mine, source))

    def follow(self) -> None:
        """Take over what the source's tensors hold now, where they are not shared."""
        self._take_over(number for number, (mine, source) in enumerate(self.pairs) if mine.device != source.device)
        self._take_over(self._written or ())

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Take back what the model's code does to attributes and lists while the context lasts.

        What it writes into tensors is taken back when the next context begins, for the graph may still need it.
        """
        self._take_over(self._written or ())
        before = [dict(space) for space in self._namespaces]
        try:
            yield
        finally:
            kept = [*zip(self._namespaces, before, strict=True), *self._containers]
            changed = [(container, content) for container, content in kept if not _identical(container, content)]
            for container, content in changed:
                refill(container, content)
            self.is_stateful |= bool(changed)

    def _take_over(self, numbers: Iterable[int]) -> None:
        for mine, source in map(self.pairs.__getitem__, numbers):
            mine.data.copy_(source.detach())

    def _tensor(self, source: Tensor) -> Tensor:
        weights = _normal(source)
        private = self._written is None or len(self.pairs) in self._written
        if self._device is not None and weights.device != self._device:
            weights = weights.to(self._device)
        elif private and _can_be_private(weights):
            weights = weights.clone()
        if isinstance(source, nn.Parameter):
            weights = nn.Parameter(weights, requires_grad=False)
            vars(weights).update(vars(source))
        self.pairs.append((weights, source))
        return weights


def _namespaces(module: nn.Module) -> list[dict[str, Any]]:
    """Return the dictionaries of a module that code may write into; PyTorch's own modules add none of their hooks."""
    own = vars(module)
    if not type(module).__module__.startswith("torch."):
        return [own, *(own[name] for name in MACHINERY if isinstance(own.get(name), dict))]
    return [space for space in (own, module._parameters, module._buffers, module._modules) if space]


def _normal(source: Tensor) -> Tensor:
    """Return the tensor without its graph; made in inference mode, it is copied, so that graphs can use it."""
    weights = source.detach()
    return weights.clone() if weights.is_inference() else weights


def _can_be_private(weights: Tensor) -> bool:
    return type(weights.data) is Tensor and weights.layout is torch.strided and not weights.is_meta


def _same(mine: Tensor, source: Tensor) -> bool:
    if not _can_be_private(mine):
        return True
    if mine.shape != source.shape or mine.dtype != source.dtype:
        return False
    mine = mine.to(source.device)
    return torch.equal(mine, source) or bool(((mine == source) | (mine.isnan() & source.isnan())).all())


def _identical(container: Any, content: Any) -> bool:
    if len(container) != len(content):
        return False
    if isinstance(container, set):
        return bool(container == content)
    return all(map(operator.is_, container, content)) and (
        not isinstance(container, dict) or all(map(operator.is_, container.values(), content.values()))
    )
