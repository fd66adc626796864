"""The tensor that a layer works on: the first floating-point tensor among the arguments of its call."""

from typing import Any

from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.probe.view import Arguments, View


def layer_input(view: View, pictures: Tensor, layer: str) -> Tensor:
    """Return the input of the last call of `layer` for `pictures` (N, C, H, W), with its graph if one is recorded."""
    inputs: list[Tensor] = []

    def record(_module: object, *arguments: Any) -> None:
        inputs.append(first_tensor(arguments, layer))

    handle = view.modules[layer].register_forward_pre_hook(record, with_kwargs=True)
    try:
        view.run(pictures)
    finally:
        handle.remove()
    return inputs[-1]


def first_tensor(arguments: Arguments, layer: str) -> Tensor:
    """Return the first floating-point tensor of a layer's arguments; raise MirrorError if there is none."""
    positional, named = arguments
    for argument in (*positional, *named.values()):
        if isinstance(argument, Tensor) and argument.is_floating_point():
            return argument
    raise MirrorError(f"The layer '{layer}' takes no tensor", culprit=layer, hint="choose another layer")


def with_first_tensor(arguments: Arguments, tensor: Tensor, layer: str) -> Arguments:
    """Return `arguments` with `tensor` in place of the first floating-point tensor."""
    first = first_tensor(arguments, layer)
    positional, named = arguments
    return (
        tuple(tensor if argument is first else argument for argument in positional),
        {name: tensor if argument is first else argument for name, argument in named.items()},
    )
