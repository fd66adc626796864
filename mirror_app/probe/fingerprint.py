"""Whether a model is still what it was, without reading its weights."""

from torch import nn


def fingerprint(model: nn.Module) -> tuple[object, ...]:
    """Return what must stay the same in a model that is only looked at; cheap: no weight is read."""
    modules = tuple(
        (name, id(m), m.training, len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
        for name, m in model.named_modules()
    )
    tensors = tuple(
        (name, id(t), t.requires_grad, t.grad is None, None if t.is_inference() else t._version)
        for named in (model.named_parameters(), model.named_buffers())
        for name, t in named
    )
    return modules, tensors
