"""The attention operations of a forward pass, read as the model computes them, whichever module calls them.

softmax(Q Kᵀ / √d) V appears in models in three forms: `F.scaled_dot_product_attention`, a softmax whose result is
multiplied with the values, and `nn.MultiheadAttention`, which uses one of the other two inside. A function mode sees
all of them in the thread that runs the model, so no module is patched.
"""

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from mirror_app.probe.call_recorder import CallRecorder
from mirror_app.probe.view import View

Function = Callable[..., Any]

SOFTMAX = frozenset({F.softmax, torch.softmax, Tensor.softmax})
PRODUCTS = frozenset({torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__})


@dataclass(frozen=True)
class ScaledDotProduct:
    """The arguments of `F.scaled_dot_product_attention`, whose result is softmax(logits) @ values."""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False

    @property
    def values(self) -> Tensor:
        """The values, one for each key and each head of the queries."""
        return self._for_each_head(self.value)

    def logits(self, product: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Return the logits (…, Q, K), masked; `product` multiplies the queries with the transposed keys."""
        scale = self.query.shape[-1] ** -0.5 if self.scale is None else self.scale
        logits = product(self.query, self._for_each_head(self.key).mT) * scale
        mask = self.attn_mask
        if self.is_causal:
            mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
        if mask is None:
            return logits
        return logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask

    def _for_each_head(self, tensor: Tensor) -> Tensor:
        return tensor.repeat_interleave(self.query.shape[-3] // tensor.shape[-3], -3) if self.enable_gqa else tensor


@dataclass(frozen=True)
class AttentionCall:
    """One attention operation: Q queries read the values of K keys.

    Attributes:
        running: The names of the layers that were running, outermost first; "" is the model itself.
        weights: The attention weights (…, Q, K). The other axes are those of the model: pictures, windows, heads.
        values: The values (…, K, d), of which each query gets a mixture.
        queries: The queries (…, Q, d), or None if the model computes its logits in some other way.
        deviation: The largest difference between weights @ values and the operation's output in the model, relative to
            the largest absolute value of that output.
    """

    running: tuple[str, ...]
    weights: Tensor
    values: Tensor
    queries: Tensor | None
    deviation: float


class AttentionReader(TorchFunctionMode):
    """A function mode that passes each attention operation of the running model to `on_call`.

    If a graph is recorded, the weights are part of it, even where the model uses an operation that never forms them.

    Args:
        recorder: The recorder of the model's calls, which knows the layer that is running.
        on_call: A function that takes each `AttentionCall`.
    """

    def __init__(self, recorder: CallRecorder, on_call: Callable[[AttentionCall], None]) -> None:
        super().__init__()
        self._recorder, self._on_call = recorder, on_call
        # Two maps from a tensor to the queries that it was computed from: for products that may be logits, and for the
        # softmax of logits. Scaling, masking, casting or mixing the heads gives a new tensor with the old one's entry.
        self._logits: MutableMapping[Tensor, Tensor | None] = WeakTensorKeyDictionary()
        self._weights: MutableMapping[Tensor, Tensor | None] = WeakTensorKeyDictionary()

    def __torch_function__(self, func: Function, types: object, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with self:
                return undispatched(func)(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            return self._scaled_dot_product(*args, **kwargs)
        output = func(*args, **kwargs)
        if func in PRODUCTS:
            left, right = args if len(args) == 2 else (args[0], next(iter(kwargs.values())))
            return self._read_product(left, right, output)
        if func is torch.einsum:
            return self._read_einsum(*args, output)
        if func is torch.baddbmm:
            self._logits[output] = args[1]
        elif func in SOFTMAX and _is_over_last_axis(args, kwargs):
            self._weights[output] = self._logits.get(args[0])
        elif isinstance(output, Tensor):
            for kind in (self._logits, self._weights):
                tracked = [tensor for tensor in args if isinstance(tensor, Tensor) and tensor in kind]
                if tracked and tracked[0].numel() == output.numel():
                    kind[output] = kind[tracked[0]]
        return output

    def _scaled_dot_product(self, *args: Any, **kwargs: Any) -> Tensor:
        with torch.no_grad():
            output = F.scaled_dot_product_attention(*args, **kwargs)
        operation = ScaledDotProduct(*args, **kwargs)
        weights = operation.logits(torch.matmul).softmax(-1)
        mixture = self._report(weights, operation.values, operation.query, output)
        return mixture if mixture.requires_grad else output

    def _read_product(self, left: Tensor, right: Tensor, output: Tensor) -> Tensor:
        if left in self._weights:
            self._report(left, right, self._weights[left], output)
        elif right in self._weights:
            return self._report(right.mT, left.mT, self._weights[right], output.mT).mT
        else:
            self._logits[output] = left
        return output

    def _read_einsum(self, equation: object, *operands: Any) -> Tensor:
        """If the einsum multiplies attention weights by values, read it as a matrix product that sums over the keys."""
        *tensors, output = (*operands[0], operands[1]) if isinstance(operands[0], tuple | list) else operands
        of_softmax = next((tensor for tensor in tensors if tensor in self._weights), None)
        if of_softmax is None or not isinstance(equation, str) or "->" not in equation or len(tensors) != 2:
            return output
        inputs, of_output = equation.replace(" ", "").split("->")
        axes = list(zip(inputs.split(","), tensors, strict=True))
        (of_weights, weights), (of_values, values) = axes if tensors[0] is of_softmax else axes[::-1]
        shared = "".join(axis for axis in of_weights if axis in of_values and axis in of_output)
        queries = "".join(axis for axis in of_weights if axis not in of_values)
        keys = "".join(axis for axis in of_weights if axis in of_values and axis not in of_output)
        rest = "".join(axis for axis in of_values if axis not in of_weights)
        if len(queries) != 1 or len(keys) != 1 or len(rest) != 1 or "." in equation:
            return output
        mixture = self._report(
            torch.einsum(f"{of_weights}->{shared}{queries}{keys}", weights),
            torch.einsum(f"{of_values}->{shared}{keys}{rest}", values),
            None,
            torch.einsum(f"{of_output}->{shared}{queries}{rest}", output),
        )
        return torch.einsum(f"{shared}{queries}{rest}->{of_output}", mixture)

    def _report(self, weights: Tensor, values: Tensor, queries: Tensor | None, output: Tensor) -> Tensor:
        """Pass the operation on, and return weights @ values, through which gradients reach the weights."""
        mixture = weights @ values
        with torch.no_grad():
            magnitude = output.abs().max().clamp(min=torch.finfo(output.dtype).tiny)
            deviation = float((mixture - output).abs().max() / magnitude)
        if queries is not None and queries.shape[:-1] != weights.shape[:-1]:
            queries = None  # the model has moved the axes since
        self._on_call(AttentionCall(tuple(self._recorder.running) or ("",), weights, values, queries, deviation))
        return mixture


@contextmanager
def reading_attention(view: View, inputs: Tensor, on_call: Callable[[AttentionCall], None]) -> Iterator[None]:
    """Within this context, pass each attention operation of the view's model to `on_call`, in the order they run.

    Args:
        view: The view whose model is going to run.
        inputs: The pictures (N, C, H, W) on which it is going to run.
        on_call: A function that takes each `AttentionCall`.

    Example:
        >>> import torch
        >>> from torchvision.models import VisionTransformer
        >>> from mirror_app.probe import View
        >>> from mirror_app.probe.attention_calls import reading_attention
        >>> view = View(VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16))
        >>> picture, calls = torch.rand(1, 3, 32, 32), []
        >>> with reading_attention(view, picture, calls.append):
        ...     _ = view.predict(picture)
        >>> calls[0].running[-1], tuple(calls[0].weights.shape)
        ('encoder.layers.encoder_layer_0.self_attention', (1, 2, 17, 17))
    """
    view.ensure_observed(inputs)  # it may build the model anew
    with CallRecorder(view.modules) as recorder, AttentionReader(recorder, on_call):
        yield


def attention_layers(view: View, picture: Tensor) -> list[tuple[str, ...]]:
    """Return, for each attention operation of a forward pass, the layers that were running; the list is cached.

    Args:
        view: The view of the model.
        picture: A picture (1, C, H, W).
    """
    key = ("attention", tuple(picture.shape[1:]))
    if key not in view.layouts:
        running: list[tuple[str, ...]] = []
        with reading_attention(view, picture, lambda call: running.append(call.running)):
            view.predict(picture)
        view.layouts[key] = running
    return list(view.layouts[key])


@cache
def undispatched(func: Any) -> Function:
    """Return a copy of a function of `torch.nn.functional` that runs its own code instead of asking the mode again.

    A mode is switched off while it handles a function, and would not see the operations inside.
    """
    namespace = {**func.__globals__, "has_torch_function": lambda _: False}
    copy = FunctionType(func.__code__, namespace, func.__name__, func.__defaults__, func.__closure__)
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _is_over_last_axis(args: Any, kwargs: Any) -> bool:
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    return axis in (-1, args[0].ndim - 1) if args else False
