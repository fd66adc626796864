"""The weights that a convolution really uses, whether stored or computed by hooks or by its forward pass."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mirror_app.probe.view import View


def weight_in_use(view: View, inputs: Tensor, layer: str) -> Tensor:
    """Return the weights (filters, channels, h, w) that the convolution `layer` uses for `inputs` (N, C, H, W).

    Weight norm and spectral norm compute the weights before the layer runs. Weight standardisation and masks compute
    them while it runs.
    """
    module = view.modules[layer]
    assert isinstance(module, nn.Conv2d)
    if _uses_stored_weight(module):
        return module.weight.detach()
    recorder = _WeightRecorder()
    with ExitStack() as hooks, recorder:
        for handle in (
            module.register_forward_pre_hook(lambda *_: recorder.set_enabled(True)),
            module.register_forward_hook(lambda *_: recorder.set_enabled(False), prepend=True),
        ):
            hooks.callback(handle.remove)
        view.capture(inputs, layer)
    return module.weight.detach() if recorder.weight is None else recorder.weight


def _uses_stored_weight(module: nn.Conv2d) -> bool:
    is_plain = type(module).forward is nn.Conv2d.forward and type(module)._conv_forward is nn.Conv2d._conv_forward
    return is_plain and "forward" not in vars(module) and not module._forward_pre_hooks


class _WeightRecorder(TorchFunctionMode):
    """Records the weights of convolutions while it is enabled."""

    def __init__(self) -> None:
        super().__init__()
        self.weight: Tensor | None = None
        self._is_enabled = False

    def set_enabled(self, is_enabled: bool) -> None:
        """Start or stop recording."""
        self._is_enabled = is_enabled

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._is_enabled and func is torch.conv2d:
            self.weight = (args[1] if len(args) > 1 else kwargs["weight"]).detach().clone()
        return func(*args, **kwargs)
