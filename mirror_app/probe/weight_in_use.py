"""The weights with which a convolution runs: its own, or what its hooks or its forward pass make of them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mirror_app.probe.view import View


def weight_in_use(view: View, inputs: Tensor, layer: str) -> Tensor:
    """Return the weights (filters, channels, h, w) with which the convolution `layer` runs on `inputs` (N, C, H, W).

    Weight norm and spectral norm make them before the layer runs, weight standardisation and masks as it does.
    """
    module = view.modules[layer]
    assert isinstance(module, nn.Conv2d)
    if _runs_with_its_own(module):
        return module.weight.detach()
    watch = _Watch()
    with ExitStack() as hooks, watch:
        for handle in (
            module.register_forward_pre_hook(lambda *_: watch.look(True)),
            module.register_forward_hook(lambda *_: watch.look(False), prepend=True),
        ):
            hooks.callback(handle.remove)
        view.capture(inputs, layer)
    return module.weight.detach() if watch.weight is None else watch.weight


def _runs_with_its_own(module: nn.Conv2d) -> bool:
    is_plain = type(module).forward is nn.Conv2d.forward and type(module)._conv_forward is nn.Conv2d._conv_forward
    return is_plain and "forward" not in vars(module) and not module._forward_pre_hooks


class _Watch(TorchFunctionMode):
    """Sees with which weights convolutions are computed, while it looks."""

    def __init__(self) -> None:
        super().__init__()
        self.weight: Tensor | None = None
        self._is_looking = False

    def look(self, is_looking: bool) -> None:
        self._is_looking = is_looking

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._is_looking and func is torch.conv2d:
            self.weight = (args[1] if len(args) > 1 else kwargs["weight"]).detach().clone()
        return func(*args, **kwargs)
