"""What a forward pass of a model does besides giving its answer, seen once on a copy that shares nothing."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from mirror_app.errors import MirrorError
from mirror_app.layers import Call
from mirror_app.probe.autograd_graph import BACKWARD_INSIDE, is_in_backward, without_saving
from mirror_app.probe.call_recorder import CallRecorder
from mirror_app.probe.clone import Clone
from mirror_app.probe.fingerprint import Structure


@dataclass(frozen=True)
class ForwardBehaviour:
    """What one forward pass did.

    `written` are the numbers of the tensors that it wrote into, as `Clone` counts them, and `is_stateful` tells whether
    it changed attributes or lists. `calls` are the layers that ran. Where gradients end on the way, `no_gradient` says
    why, and `behind` which layers had ended before that; None is all. `axes` are as `batch.item_axes` has them, and
    `is_random` tells whether it drew random numbers. `signature` is as `Clone` has it. `independent`, `default_layers`
    and `layers_before`, by the shape of an input, and `layouts`, by layer and shape, fill as they are found out.
    """

    written: frozenset[int]
    is_stateful: bool
    calls: dict[str, Call]
    no_gradient: str = ""
    behind: frozenset[str] | None = None
    axes: tuple[int | None, ...] = ()
    is_random: bool = False
    signature: list[int] = field(default_factory=list)
    independent: dict[tuple[int, ...], bool] = field(default_factory=dict)
    default_layers: dict[tuple[int, ...], str] = field(default_factory=dict)
    layers_before: dict[tuple[int, ...], str] = field(default_factory=dict)
    layouts: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)

    @property
    def has_effects(self) -> bool:
        """Whether running the model changes it."""
        return self.is_stateful or self.is_random or bool(self.written)


def observe(
    source: nn.Module, device: torch.device | str | None, call: Callable[[nn.Module, bool], Any]
) -> tuple[ForwardBehaviour, Any]:
    """Return the conduct of `call(module, graph)`, on a private copy of `source`, and what it gives.

    With `graph` the pictures take part in a graph. Raises MirrorError where the model runs the one that was handed in,
    and whatever else the model raises.
    """
    try:  # only which way the graph takes counts
        return without_saving(partial(_observed, source, device, call, graph=True))
    except RuntimeError as error:  # it may run all the same where nothing asks for a graph
        if is_in_backward(error):
            raise MirrorError(BACKWARD_INSIDE) from error
        behaviour, output = _observed(source, device, call, graph=False)
        line = str(error).strip().partition("\n")[0].removesuffix(".")
        return replace(behaviour, no_gradient=f"The model runs only where no graph is recorded ({line})"), output


def _observed(
    source: nn.Module, device: torch.device | str | None, call: Callable[[nn.Module, bool], Any], graph: bool
) -> tuple[ForwardBehaviour, Any]:
    clone = Clone(source, device, written=None)
    log = CallRecorder(dict(clone.module.named_modules()))
    watch = _Watch({id(source) for _, source in clone.pairs}, log)
    with torch.inference_mode(False), torch.set_grad_enabled(graph), clone.restored(), log, watch:
        output = call(clone.module, graph)
    sentence, behind = watch.end_of_gradients(output) if graph else ("", None)
    return ForwardBehaviour(
        clone.compare(), clone.is_stateful, log.calls, sentence, behind, is_random=clone.is_random
    ), output


def cached_behaviour(source: nn.Module) -> ForwardBehaviour | None:
    """Return what was seen of `source` as it is now; None where it was not looked at, or has changed since."""
    reference, as_it_was, behaviour = _cached_behaviours.get(id(source), (lambda: None, None, None))
    return behaviour if reference() is source and as_it_was == Structure(source).ids() else None


def cache_behaviour(source: nn.Module, behaviour: ForwardBehaviour) -> None:
    """Keep what was seen of `source` as long as it lives."""
    key = id(source)
    reference = weakref.ref(source, lambda _: _cached_behaviours.pop(key, None))
    _cached_behaviours[key] = reference, Structure(source).ids(), behaviour


_cached_behaviours: dict[int, tuple[Callable[[], nn.Module | None], object, ForwardBehaviour | None]] = {}


@dataclass(frozen=True)
class _Cut:
    """A number that depends on the picture and has no gradient, and the layers that had ended before it."""

    tensor: Tensor
    sentence: str
    behind: frozenset[str]


class _Watch(TorchFunctionMode):
    """Looks at each function of a forward pass: whose tensors it takes, and whether gradients pass through it."""

    def __init__(self, owned: set[int], log: CallRecorder) -> None:
        super().__init__()
        self._owned = owned
        self._log = log
        self._cuts: dict[int, _Cut] = {}
        self._last: _Cut | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(id(tensor) in self._owned for tensor in tensors) and not _only_describes(func):
            raise MirrorError(
                f"{self._where()} computes with weights that are not its own: a function or a global name in it refers "
                "to the model that was handed in. Let it reach them through its own attributes."
            )
        output = func(*args, **(kwargs or {}))
        self._follow(tensors, output)
        return output

    def end_of_gradients(self, output: Any) -> tuple[str, frozenset[str] | None]:
        """Return why gradients end before `output`, and which layers had ended then; nothing where they do not."""
        tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        cut = self._last or self._cut_among(tensors)
        return (cut.sentence, cut.behind) if cut else ("", None)

    def _follow(self, tensors: list[Tensor], output: object) -> None:
        results = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
        cut = self._cut_among(tensors)
        if torch.is_grad_enabled():
            self._last = cut if cut and results else self._last
        elif cut or any(tensor.requires_grad for tensor in tensors):
            sentence = f"{self._where()} computes under torch.no_grad, where gradients end"
            for leaf in results:
                if not leaf.requires_grad:
                    self._cuts[id(leaf)] = _Cut(leaf, sentence, frozenset(self._log.calls))

    def _cut_among(self, tensors: list[Tensor]) -> _Cut | None:
        for tensor in tensors:
            cut = self._cuts.get(id(tensor))
            if cut and tensor.grad_fn is None:
                return cut
            # A function of autograd's own computes without a graph, too, and its answer has one in the end.
            if tensor.grad_fn is not None and tensor.grad_fn.name() == "CheckpointFunctionBackward":
                cause = "torch.utils.checkpoint with use_reentrant=True"
                sentence = f"{self._where()} follows {cause}, where gradients end"
                return _Cut(tensor, sentence, frozenset(self._log.calls))
        return None

    def _where(self) -> str:
        name = self._log.running[-1] if self._log.running else ""
        return f"The layer '{name}'" if name else "The model"


# Functions that tell of a tensor without using its numbers.
_DESCRIBING = frozenset("size dim numel stride is_floating_point is_complex data_ptr element_size __len__ type".split())
_GIVING_NUMBERS = frozenset("data T mT H mH grad real imag".split())


def _only_describes(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    attribute = getattr(getattr(func, "__self__", None), "__name__", "")
    return name in _DESCRIBING or (name == "__get__" and attribute not in _GIVING_NUMBERS)
