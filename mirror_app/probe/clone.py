"""A copy of a model that shares its weights, frozen, while its modules, flags, hooks and lists are its own."""

import operator
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.probe.containers import are_identical, is_identical, refill, signature
from mirror_app.probe.copying import MACHINERY, Copier
from mirror_app.probe.randomness import SeededGenerators

SMALL = 2**20  # bytes: buffers up to here are copied always, since a model may write into them now and then only


class Clone:
    """`module` is a structural copy of `source` in evaluation mode, with nothing in place.

    Its small buffers are its own, and follow the source's. All else it shares with the source but for the tensors that
    its forward pass writes into: `written` are their numbers, in the order in which they are met, or None for all of
    them. On another `device` all are copied. Tensors over one storage are so in the copy, too.
    """

    def __init__(
        self, source: nn.Module, device: torch.device | str | None = None, written: frozenset[int] | None = frozenset()
    ) -> None:
        self.pairs: list[tuple[Tensor, Tensor]] = []  # the copy's tensors, and the source's
        self._device = None if device is None else torch.device(device)
        self._written = written
        self._storages: dict[int, torch.UntypedStorage] = {}  # the copy's, by the address of the source's
        self._own: list[int] = []  # numbers of the tensors that a run may write into
        self.is_stateful = False  # whether the model's code has been seen to change attributes or lists
        copier = Copier(self._tensor)
        with torch.inference_mode(False), torch.no_grad():
            self.module: nn.Module = copier.copy(source)
        self._containers = list(copier.containers.values())
        self._followed = list(copier.sources.values())
        self.signature = signature(self._followed)  # what the source's objects and containers held
        self._namespaces = [space for module in copier.modules for space in _namespaces(module)]
        self._hooks = [hooks for module in copier.modules for hooks in _hooks(module)]
        self._mine = [self.pairs[number][0] for number in self._own]
        self._sources = [self.pairs[number][1] for number in self._own]
        self.draws = written is None  # whether to look for random numbers: where nothing is known, or they were seen
        self._generators = SeededGenerators(copier.generators, {mine.device for mine, _ in self.pairs})
        self._contents = [mine.data for mine in self._mine]  # written into, they leave the versions of `_mine` alone
        self._is_fresh = False  # whether the tensors are still as they were taken over, since nothing has run

    @property
    def own(self) -> list[Tensor]:
        """The copy's tensors that the model's forward pass may write into."""
        return self._mine

    @property
    def is_random(self) -> bool:
        """Whether the model's code has been seen to draw random numbers."""
        return self._generators.drew

    @property
    def has_effects(self) -> bool:
        """Whether the model's code has been seen to change attributes or draw, or has just written into tensors."""
        return self.is_stateful or self.is_random or not all(map(_same, self._mine, self._sources))

    def compare(self) -> frozenset[int]:
        """Return the numbers of the tensors in which the copy is no longer the source, to the bit."""
        return frozenset(number for number, (mine, source) in enumerate(self.pairs) if not _same(mine, source))

    def is_stale(self) -> bool:
        """Tell whether the source's objects and containers hold something else by now."""
        return signature(self._followed) != self.signature

    def sync(self) -> None:
        """Take over what the source's tensors hold now, where they are not shared."""
        for mine, source in self.pairs:
            if mine.device != source.device:
                mine.data.copy_(source.detach())
        self._take_over()

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Take back what the model's code does to attributes and lists while the context lasts.

        The random numbers of a model that `draws` are the same each time, and are not those of the caller. What it
        writes into tensors is taken back when the next context begins, for the graph may still need it.
        """
        if not self._is_fresh:
            self._take_over()
        self._is_fresh = False
        before = [*map(dict, self._namespaces)]
        hooked = {id(hooks): (hooks, dict(hooks)) for hooks in filter(None, self._hooks)}
        try:
            with self._generators if self.draws else nullcontext():
                yield
        finally:
            is_same = are_identical(self._namespaces, before)
            kept: list[tuple[Any, Any]] = [] if is_same else [*zip(self._namespaces, before, strict=True)]
            # Where a run is ended early, what it would have removed at its end is still there.
            kept += [*hooked.values(), *((now, {}) for now in filter(None, self._hooks) if id(now) not in hooked)]
            changed = [pair for pair in (*kept, *self._containers) if not is_identical(*pair)]
            for container, content in changed:
                refill(container, content)
            self.is_stateful |= bool(changed)

    def _take_over(self) -> None:
        """Let the copy's own tensors be what the source's are; a graph that was recorded before does not notice."""
        require_grad, are_set = map(_requires_grad, self._mine), map(Tensor.is_set_to, self._mine, self._contents)
        if any(require_grad) or not all(are_set):
            for mine, content in zip(self._mine, self._contents, strict=True):
                mine.detach_()
                mine.data = content
        if self._mine:
            with torch.no_grad():
                torch._foreach_copy_(self._contents, self._sources)
        self._is_fresh = True

    def _tensor(self, source: Tensor) -> Tensor:
        number, weights = len(self.pairs), source.detach()
        is_written = self._written is None or number in self._written
        is_buffer = not isinstance(source, nn.Parameter)
        if self._device is not None and weights.device != self._device:
            weights = weights.to(self._device)
        elif _can_be_private(weights) and (is_written or (is_buffer and weights.nbytes <= SMALL)):
            is_part = not is_written and weights.untyped_storage().nbytes() > SMALL
            weights = weights.clone() if is_part else _over(weights, self._own_storage(weights))
            if self._written is not None:
                self._own.append(number)
        elif weights.is_inference():  # graphs cannot use it
            weights = _over(weights, weights.untyped_storage()) if _can_be_private(weights) else weights.clone()
        if isinstance(source, nn.Parameter):
            weights = nn.Parameter(weights, requires_grad=False)
            vars(weights).update(vars(source))
        self.pairs.append((weights, source))
        return weights

    def _own_storage(self, weights: Tensor) -> torch.UntypedStorage:
        """Return the copy of the storage of `weights`, one for all tensors over it."""
        storage = weights.untyped_storage()
        if storage.data_ptr() not in self._storages or not storage.nbytes():
            self._storages[storage.data_ptr()] = storage.clone()
        return self._storages[storage.data_ptr()]


def _over(weights: Tensor, storage: torch.UntypedStorage) -> Tensor:
    """Return a tensor as `weights` is, over `storage`: a new one, with a version of its own, which graphs can use."""
    if weights.is_quantized or weights.is_conj() or weights.is_neg():
        return weights.clone()
    made = torch.empty(0, dtype=weights.dtype, device=weights.device)
    return made.set_(storage, weights.storage_offset(), weights.shape, weights.stride())


def _namespaces(module: nn.Module) -> list[dict[str, Any]]:
    """Return the dictionaries of a module that code may write into, but for the hooks of PyTorch's own modules."""
    own = vars(module)
    if not type(module).__module__.startswith("torch."):
        return [own, *(own[name] for name in MACHINERY if isinstance(own.get(name), dict))]
    return [space for space in (own, module._parameters, module._buffers, module._modules) if space]


def _hooks(module: nn.Module) -> list[dict[int, Any]]:
    """Return the dictionaries of hooks of one of PyTorch's own modules, most of which are empty."""
    if not type(module).__module__.startswith("torch."):
        return []
    return [vars(module)[name] for name in _OF_HOOKS if isinstance(vars(module).get(name), dict)]


_requires_grad = operator.attrgetter("requires_grad")
_OF_HOOKS = [name for name in MACHINERY if "_hooks" in name]


def _can_be_private(weights: Tensor) -> bool:
    return type(weights.data) is Tensor and weights.layout is torch.strided and not weights.is_meta


def _same(mine: Tensor, source: Tensor) -> bool:
    if not _can_be_private(mine):
        return True
    if mine.shape != source.shape or mine.dtype != source.dtype:
        return False
    mine = mine.to(source.device)
    return torch.equal(mine, source) or bool(((mine == source) | (mine.isnan() & source.isnan())).all())
