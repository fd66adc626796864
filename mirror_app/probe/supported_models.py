"""Which models Mirror can inspect: eager modules with floating-point weights. Others are refused with a message."""

from itertools import chain

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from mirror_app.errors import MirrorError
from mirror_app.probe.copying import uncompiled_function, uncompiled_methods

COMPILED_MODEL_NOTE = "The model was compiled. Results are for the original module that was passed to torch.compile."

COMPILED_PARTS_NOTE = (
    "Parts of the model were compiled. Results are for the original modules that were passed to torch.compile."
)


def supported_module(model: object) -> tuple[nn.Module, str]:
    """Return the module to inspect and a note to show with its results.

    Raises MirrorError for a model that cannot be inspected.
    """
    if not isinstance(model, nn.Module):
        kind = type(model).__name__
        raise MirrorError(f"The model must be an nn.Module, not a {kind}.", culprit=kind, accepted="an nn.Module")
    inner = getattr(model, "_orig_mod", None)
    is_compiled = type(model).__module__.startswith("torch._dynamo") and isinstance(inner, nn.Module)
    module = inner if is_compiled and inner is not None else model
    for name, submodule in module.named_modules():
        _check_module(name, submodule)
    has_compiled_parts = not is_compiled and any(map(_is_compiled, module.modules()))
    return module, COMPILED_MODEL_NOTE if is_compiled else COMPILED_PARTS_NOTE if has_compiled_parts else ""


def _is_compiled(module: nn.Module) -> bool:
    attributes = vars(module)
    return (
        "_orig_mod" in module._modules
        or attributes.get("_compiled_call_impl") is not None
        or any(map(uncompiled_function, attributes.values()))
        or bool(uncompiled_methods(type(module)))
    )


def _check_module(name: str, module: nn.Module) -> None:
    subject, culprit = (f"The layer '{name}'", name) if name else ("The model", type(module).__name__)
    if isinstance(module, torch.jit.ScriptModule):
        raise MirrorError(
            f"{subject} is a TorchScript program, whose layers Mirror cannot read",
            culprit=culprit,
            hint="pass the nn.Module it was made from",
        )
    if ".quantized" in type(module).__module__:
        raise MirrorError(
            f"{subject} is quantised, so it has no gradients",
            culprit=culprit,
            hint="pass the floating-point model",
        )
    for tensor in chain(module._parameters.values(), module._buffers.values()):
        if tensor is not None and is_lazy(tensor):
            raise MirrorError(
                f"{subject} is lazy and has no weights yet", culprit=culprit, hint="run the model once on an input"
            )
        if tensor is not None and tensor.is_meta:
            raise MirrorError(
                f"{subject} is on the meta device, so its weights hold no values",
                culprit=culprit,
                hint="load them first",
            )
