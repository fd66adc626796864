"""Which models can be looked into: eager modules with numbers in their weights; others are refused in one sentence."""

from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from mirror_app.errors import MirrorError
from mirror_app.probe.copying import given_to_compiler, methods_compiled

UNWRAPPED = "The model was compiled; what is shown is the module that torch.compile was given."

UNWRAPPED_IN_PART = "Parts of the model were compiled; what is shown is what torch.compile was given."


def supported_module(model: object) -> tuple[nn.Module, str]:
    """Return the module to look into, and what must be said of it; raise MirrorError for what cannot be looked into."""
    if not isinstance(model, nn.Module):
        raise MirrorError(f"The model is a {type(model).__name__}: an nn.Module is needed.")
    inner = getattr(model, "_orig_mod", None)
    is_compiled = type(model).__module__.startswith("torch._dynamo") and isinstance(inner, nn.Module)
    module = inner if is_compiled and inner is not None else model
    for name, part in module.named_modules():
        _check_module(name, part)
    in_part = not is_compiled and any(map(_is_compiled, module.modules()))
    return module, UNWRAPPED if is_compiled else UNWRAPPED_IN_PART if in_part else ""


def _is_compiled(module: nn.Module) -> bool:
    own = vars(module)
    return (
        "_orig_mod" in module._modules
        or own.get("_compiled_call_impl") is not None
        or any(map(given_to_compiler, own.values()))
        or bool(methods_compiled(type(module)))
    )


def _check_module(name: str, module: nn.Module) -> None:
    what = f"The layer '{name}'" if name else "The model"
    if isinstance(module, torch.jit.ScriptModule):
        raise MirrorError(
            f"{what} is a TorchScript program, whose layers cannot be looked into: give the nn.Module it was made from."
        )
    if ".quantized" in type(module).__module__:
        raise MirrorError(f"{what} is quantised, and has no gradients: give the model in floating point.")
    for tensor in chain(module._parameters.values(), module._buffers.values()):
        if tensor is not None and is_lazy(tensor):
            raise MirrorError(f"{what} is lazy, and has no weights yet: run the model once on an input.")
        if tensor is not None and tensor.is_meta:
            raise MirrorError(f"{what} is on the meta device, and its weights hold no numbers: load them first.")
