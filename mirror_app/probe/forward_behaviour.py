"""The side effects and other behaviour of a forward pass, observed once on a copy that shares no weights."""

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
from mirror_app.probe.autograd_graph import backward_inside_error, raised_in_backward, run_without_saving
from mirror_app.probe.call_recorder import CallRecorder
from mirror_app.probe.clone import Clone
from mirror_app.probe.fingerprint import Structure


@dataclass(frozen=True)
class GradientBreak:
    """The point in a forward pass at which the graph breaks, so that gradients end there.

    Attributes:
        reason: Why the graph breaks.
        layer: The layer in which it breaks; "" for the model itself.
        finished: The layers that had finished by then; None stands for all layers.
    """

    reason: str
    layer: str = ""
    finished: frozenset[str] | None = None


@dataclass(frozen=True)
class ForwardBehaviour:
    """The behaviour of one forward pass.

    Attributes:
        written: Indices of the tensors that the pass wrote into, counted as in `Clone`.
        is_stateful: Whether the pass changed attributes or containers.
        calls: The layers that ran.
        gradient_break: The point at which gradients end; None if there is none.
        batch_axes: See `batch_dimension.batch_axes`.
        is_random: Whether the pass drew random numbers.
        signature: See `Clone`.
        batch_independent, default_layers, earlier_layers: Caches by input shape, filled as values are computed.
        layouts: A cache by layer and input shape.
    """

    written: frozenset[int]
    is_stateful: bool
    calls: dict[str, Call]
    gradient_break: GradientBreak | None = None
    batch_axes: tuple[int | None, ...] = ()
    is_random: bool = False
    signature: list[int] = field(default_factory=list)
    batch_independent: dict[tuple[int, ...], bool] = field(default_factory=dict)
    default_layers: dict[tuple[int, ...], str] = field(default_factory=dict)
    earlier_layers: dict[tuple[int, ...], str] = field(default_factory=dict)
    layouts: dict[tuple[str, tuple[int, ...]], Any] = field(default_factory=dict)

    @property
    def has_effects(self) -> bool:
        """Whether running the model changes it."""
        return self.is_stateful or self.is_random or bool(self.written)


def observe_forward(
    source: nn.Module, device: torch.device | str | None, call: Callable[[nn.Module, bool], Any]
) -> tuple[ForwardBehaviour, Any]:
    """Return the behaviour of `call(module, with_graph)` on a private copy of `source`, and its result.

    `with_graph` tells whether the pictures take part in an autograd graph. Raises MirrorError if the copy uses weights
    of the original. Other errors of the model are passed on.
    """
    try:  # only the graph's structure matters here, not the tensors that it saves
        return run_without_saving(partial(_observe_once, source, device, call, with_graph=True))
    except RuntimeError as error:  # the model may still run without a graph
        if raised_in_backward(error):
            raise backward_inside_error() from error
        behaviour, output = _observe_once(source, device, call, with_graph=False)
        line = str(error).strip().partition("\n")[0].removesuffix(".")
        gradient_break = GradientBreak(f"The model runs only without an autograd graph ({line})")
        return replace(behaviour, gradient_break=gradient_break), output


def _observe_once(
    source: nn.Module, device: torch.device | str | None, call: Callable[[nn.Module, bool], Any], with_graph: bool
) -> tuple[ForwardBehaviour, Any]:
    clone = Clone(source, device, written=None)
    recorder = CallRecorder(dict(clone.module.named_modules()))
    monitor = _ForwardMonitor({id(source) for _, source in clone.pairs}, recorder)
    with torch.inference_mode(False), torch.set_grad_enabled(with_graph), clone.restored(), recorder, monitor:
        output = call(clone.module, with_graph)
    return ForwardBehaviour(
        clone.changed_tensors(),
        clone.is_stateful,
        recorder.calls,
        monitor.gradient_break(output) if with_graph else None,
        is_random=clone.is_random,
    ), output


def cached_behaviour(source: nn.Module) -> ForwardBehaviour | None:
    """Return the behaviour of `source`, or None if it was never observed or has changed since."""
    reference, structure_ids, behaviour = _cached_behaviours.get(id(source), (lambda: None, None, None))
    return behaviour if reference() is source and structure_ids == Structure(source).ids() else None


def cache_behaviour(source: nn.Module, behaviour: ForwardBehaviour) -> None:
    """Cache the behaviour of `source` for as long as it lives."""
    key = id(source)
    reference = weakref.ref(source, lambda _: _cached_behaviours.pop(key, None))
    _cached_behaviours[key] = reference, Structure(source).ids(), behaviour


_cached_behaviours: dict[int, tuple[Callable[[], nn.Module | None], object, ForwardBehaviour | None]] = {}


class _ForwardMonitor(TorchFunctionMode):
    """Checks each function of a forward pass: whose tensors it uses, and whether gradients pass through it."""

    def __init__(self, source_tensor_ids: set[int], recorder: CallRecorder) -> None:
        super().__init__()
        self._source_tensor_ids = source_tensor_ids
        self._recorder = recorder
        # Tensors that depend on the picture but have no gradient, by id; held so that their ids are not reused.
        self._breaks: dict[int, tuple[Tensor, GradientBreak]] = {}
        self._latest_break: GradientBreak | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(id(tensor) in self._source_tensor_ids for tensor in tensors) and not _reads_only_metadata(func):
            raise MirrorError(
                f"{self._subject()} computes with weights that are not its own: a function or a global name in it "
                "refers to the original model.",
                culprit=self._running_layer(),
                hint="Access the weights through the layer's own attributes instead.",
            )
        output = func(*args, **(kwargs or {}))
        self._track_gradients(tensors, output)
        return output

    def gradient_break(self, output: Any) -> GradientBreak | None:
        """Return the point before `output` at which gradients end, or None if there is none."""
        return self._latest_break or self._break_among(
            [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        )

    def _track_gradients(self, tensors: list[Tensor], output: object) -> None:
        results = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
        break_point = self._break_among(tensors)
        if torch.is_grad_enabled():
            self._latest_break = break_point if break_point and results else self._latest_break
        elif break_point or any(tensor.requires_grad for tensor in tensors):
            break_point = self._break_here("computes under torch.no_grad")
            self._breaks |= {id(leaf): (leaf, break_point) for leaf in results if not leaf.requires_grad}

    def _break_among(self, tensors: list[Tensor]) -> GradientBreak | None:
        for tensor in tensors:
            if id(tensor) in self._breaks and tensor.grad_fn is None:
                return self._breaks[id(tensor)][1]
            # A torch.autograd.Function also computes without a graph, but its result has one.
            if tensor.grad_fn is not None and tensor.grad_fn.name() == "CheckpointFunctionBackward":
                return self._break_here("uses torch.utils.checkpoint with use_reentrant=True")
        return None

    def _break_here(self, cause: str) -> GradientBreak:
        reason = f"{self._subject()} {cause}, where gradients end"
        return GradientBreak(reason, self._running_layer(), frozenset(self._recorder.calls))

    def _subject(self) -> str:
        name = self._running_layer()
        return f"The layer '{name}'" if name else "The model"

    def _running_layer(self) -> str:
        return self._recorder.running[-1] if self._recorder.running else ""


# Functions that read only the metadata of a tensor.
_METADATA_NAMES = frozenset(
    "size dim numel stride is_floating_point is_complex data_ptr element_size __len__ type".split()
)
_DATA_ATTRIBUTES = frozenset("data T mT H mH grad real imag".split())


def _reads_only_metadata(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    attribute = getattr(getattr(func, "__self__", None), "__name__", "")
    return name in _METADATA_NAMES or (name == "__get__" and attribute not in _DATA_ATTRIBUTES)
