"""A copy of a model that shares the model's frozen weights but has modules, flags, hooks and containers of its own."""

import operator
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mirror_app.probe.containers import is_identical, refill, signature
from mirror_app.probe.copying import MODULE_ATTRIBUTES, Copier
from mirror_app.probe.fingerprint import Storages, has_address
from mirror_app.probe.randomness import SeededGenerators
from mirror_app.probe.snapshot import Snapshot

MAX_COPIED_BYTES = 2**20  # smaller buffers are always copied, since a later run may be the first to write into them


class Clone:
    """Holds in `module` a structural copy of `source`, in evaluation mode and without in-place modules.

    Small buffers and the tensors that the forward pass writes into are copied, and the copies take over the values of
    the source before each run. The copier numbers the tensors in the order in which it meets them; `written` holds
    the numbers of those that are written to, or None for all. All other tensors are shared. If `device` is not that of
    the source, every tensor is copied. If tensors share a storage, their copies share one, too.
    """

    def __init__(
        self, source: nn.Module, device: torch.device | str | None = None, written: frozenset[int] | None = frozenset()
    ) -> None:
        self.pairs: list[tuple[Tensor, Tensor]] = []  # (the copy's tensor, the source's)
        self._device = None if device is None else torch.device(device)
        self._written = written
        self._storages: dict[int, torch.UntypedStorage] = {}  # the copy's storages, by the addresses of the source's
        self._writable_indices: list[int] = []  # indices of the tensors that a run may write into
        self.is_stateful = False  # whether a run has changed attributes or containers
        copier = Copier(self._clone_tensor)
        with torch.inference_mode(False), torch.no_grad():
            self.module: nn.Module = copier.copy(source)
        self._containers = list(copier.containers.values())
        self._source_containers = list(copier.sources.values())
        self.signature = signature(self._source_containers)  # the source's signature when it was copied
        self._namespaces = [namespace for module in copier.modules for namespace in _namespaces(module)]
        self._source_storages = Storages([source for _, source in self.pairs])
        # Tensors on another device than their sources. A source that moves there later is noticed by its address.
        self._distant = [
            (private, source)
            for private, source in self.pairs
            if private.device != source.device or not has_address(source)
        ]
        self._private = [self.pairs[index][0] for index in self._writable_indices]
        self._sources = [self.pairs[index][1] for index in self._writable_indices]
        self.seeds_randomness = written is None  # the first run must find out whether the model is random
        self._generators = SeededGenerators(copier.generators, {private.device for private, _ in self.pairs})
        # Writing into these does not bump the version counters of the private tensors.
        self._private_data = [private.data for private in self._private]
        self._is_synced = False  # whether nothing has run since the last copy from the source

    @property
    def private_tensors(self) -> list[Tensor]:
        """The copy's tensors that the forward pass may write into."""
        return self._private

    @property
    def is_random(self) -> bool:
        """Whether a run of the model has drawn random numbers."""
        return self._generators.has_drawn

    @property
    def has_effects(self) -> bool:
        """Whether a run changed attributes or drew random numbers, or the last run wrote into tensors."""
        return self.is_stateful or self.is_random or not all(map(_is_equal, self._private, self._sources))

    def changed_tensors(self) -> frozenset[int]:
        """Return the indices of the tensors whose values now differ from the source's."""
        return frozenset(index for index, (private, source) in enumerate(self.pairs) if not _is_equal(private, source))

    def is_stale(self) -> bool:
        """Tell whether the source's containers and storages have changed since the copy was made."""
        return signature(self._source_containers) != self.signature or not self._source_storages.are_current()

    def sync(self) -> None:
        """Copy the current values of the source's tensors into the copy's tensors that are not shared."""
        for private, source in self._distant:
            if private.device != source.device:
                private.data.copy_(source.detach())
        self._copy_from_source()

    @contextmanager
    def restored(self) -> Iterator[None]:
        """When the context ends, undo the changes that the model's code made to attributes and containers.

        With `seeds_randomness`, each context draws the same random numbers and leaves the caller's generators alone.
        Changes to tensors are undone when the next context begins, because the graph may still need the changed values.
        """
        if not self._is_synced:
            self._copy_from_source()
        self._is_synced = False
        snapshot = Snapshot(self._namespaces)
        try:
            with self._generators if self.seeds_randomness else nullcontext():
                yield
        finally:
            changed = [*snapshot.changes(), *(pair for pair in self._containers if not is_identical(*pair))]
            for container, content in changed:
                refill(container, content)
            self.is_stateful |= bool(changed)

    def _copy_from_source(self) -> None:
        """Set the private tensors to the source's values without changing the version counters that autograd checks."""
        require_grad = map(_requires_grad, self._private)
        are_bound = map(Tensor.is_set_to, self._private, self._private_data)
        if any(require_grad) or not all(are_bound):
            for private, data in zip(self._private, self._private_data, strict=True):
                private.detach_()
                private.data = data
        if self._private:
            with torch.no_grad():
                torch._foreach_copy_(self._private_data, self._sources)
        self._is_synced = True

    def _clone_tensor(self, source: Tensor) -> Tensor:
        index, weights = len(self.pairs), source.detach()
        is_written = self._written is None or index in self._written
        is_buffer = not isinstance(source, nn.Parameter)
        if self._device is not None and weights.device != self._device:
            weights = weights.to(self._device)
        elif _is_plain_tensor(weights) and (is_written or (is_buffer and weights.nbytes <= MAX_COPIED_BYTES)):
            is_partial = not is_written and weights.untyped_storage().nbytes() > MAX_COPIED_BYTES
            weights = weights.clone() if is_partial else _tensor_over(weights, self._private_storage(weights))
            if self._written is not None:
                self._writable_indices.append(index)
        elif weights.is_inference():  # autograd graphs cannot use inference tensors
            weights = _tensor_over(weights, weights.untyped_storage()) if _is_plain_tensor(weights) else weights.clone()
        if isinstance(source, nn.Parameter):
            weights = nn.Parameter(weights, requires_grad=False)
            vars(weights).update(vars(source))
        self.pairs.append((weights, source))
        return weights

    def _private_storage(self, weights: Tensor) -> torch.UntypedStorage:
        """Return the copy of the storage of `weights`, the same for all tensors that share the storage."""
        storage = weights.untyped_storage()
        if storage.data_ptr() not in self._storages or not storage.nbytes():
            self._storages[storage.data_ptr()] = storage.clone()
        return self._storages[storage.data_ptr()]


def _tensor_over(weights: Tensor, storage: torch.UntypedStorage) -> Tensor:
    """Return a tensor like `weights` over `storage`; it has its own version counter, and autograd graphs can use it."""
    if weights.is_quantized or weights.is_conj() or weights.is_neg():
        return weights.clone()
    tensor = torch.empty(0, dtype=weights.dtype, device=weights.device)
    return tensor.set_(storage, weights.storage_offset(), weights.shape, weights.stride())


def _namespaces(module: nn.Module) -> list[dict[str, Any]]:
    """Return the dictionaries of a module that code may write into: attributes, weights, submodules and hooks."""
    attributes = vars(module)
    return [attributes, *(attributes[name] for name in MODULE_ATTRIBUTES if isinstance(attributes.get(name), dict))]


_requires_grad = operator.attrgetter("requires_grad")


def _is_plain_tensor(weights: Tensor) -> bool:
    return type(weights.data) is Tensor and weights.layout is torch.strided and not weights.is_meta


def _is_equal(private: Tensor, source: Tensor) -> bool:
    if not _is_plain_tensor(private):
        return True
    if private.shape != source.shape or private.dtype != source.dtype:
        return False
    private = private.to(source.device)
    return torch.equal(private, source) or bool(((private == source) | (private.isnan() & source.isnan())).all())
