"""What the library that a model comes from says about its output: of which kind it is, and what its classes are called.

Nothing is imported for it: a model of Transformers, timm or open_clip is known by where its class was defined.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torchvision.models import ResNet18_Weights

from mirror_app.probe.output_kind import OutputKind, OutputMeaning

_PROBLEMS = {
    "single_label_classification": OutputKind.CLASSES,
    "multi_label_classification": OutputKind.LABELS,
    "regression": OutputKind.NUMBERS,
}
_LIBRARIES = ("transformers", "timm", "open_clip", "torchvision")
_HEADLESS = ("Model", "Backbone", "Encoder", "Projection")  # how Transformers' classes without a head end
_IMAGENET = 1000  # classes


def configured_meaning(module: nn.Module, count: int) -> OutputMeaning | None:
    """Return what the library of `module` says of its `count` numbers, 0 for other outputs; None if it says nothing.

    It is only assumed of a model that wraps the one that says so, and of a class of one's own that is derived from the
    library's with another forward: they may do more.
    """
    is_own = _runs_as_published(module)
    if head := next(_heads(module, count), None):
        kind = _PROBLEMS.get(head.config.problem_type, OutputKind.CLASSES if count > 1 else OutputKind.NUMBERS)
        return OutputMeaning(kind, assumed=head is not module or not is_own)
    library, name = _origin(module) if is_own else ("", "")
    match library:
        case "transformers" if name.endswith(_HEADLESS):
            return OutputMeaning(OutputKind.EMBEDDING)
        case "transformers" if name.endswith("ForSemanticSegmentation"):
            return OutputMeaning(OutputKind.REGIONS)
        case "timm" if getattr(module, "num_classes", None) == 0 and not _has_new_head(module):
            return OutputMeaning(OutputKind.EMBEDDING)
        case "open_clip":
            return OutputMeaning(OutputKind.EMBEDDING)
        case "torchvision" if count == _IMAGENET:
            return OutputMeaning(OutputKind.CLASSES)
    return None


def configured_class_names(module: nn.Module, count: int) -> tuple[str, ...]:
    """Return what Transformers' configuration, or torchvision, calls the `count` classes; nothing where they do not."""
    if head := next(_heads(module, count), None):
        names: dict[int, str] = head.config.id2label
        return tuple(names[number] for number in range(count)) if set(names) == set(range(count)) else ()
    if _origin(module)[0] == "torchvision" and count == _IMAGENET:
        return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    return ()


def _heads(module: nn.Module, count: int) -> Iterator[Any]:
    """Yield the classification models of Transformers with `count` outputs: the module itself, or what it wraps."""
    for part in module.modules():
        library, name = _origin(part)
        config: Any = getattr(part, "config", None)
        if library == "transformers" and "ForImageClassification" in name and config.num_labels == count:
            yield part


def _runs_as_published(module: nn.Module) -> bool:
    """Tell whether the forward pass of `module` is that of a library's class, and not one of a person's own."""
    holder = next(kind for kind in type(module).__mro__ if "forward" in vars(kind))
    return "forward" not in vars(module) and holder.__module__.partition(".")[0] in _LIBRARIES


def _has_new_head(module: Any) -> bool:
    """Tell whether a model of timm that was made without a classifier was given one later on.

    Without one, what holds the place of the classifier is an identity, or a part of timm's own without it.
    """
    named, modules = module.pretrained_cfg.get("classifier") or (), dict(module.named_modules())
    for name in (named,) if isinstance(named, str) else named:
        holder = name
        while holder not in modules:
            holder = holder.rpartition(".")[0]
        is_part = holder != name and _origin(modules[holder])[0] == "timm"
        if not isinstance(modules[holder], nn.Identity) and not is_part:
            return True
    return False


def _origin(module: nn.Module) -> tuple[str, str]:
    """Return the library that the class of `module`, or the first of its bases, comes from, and its name there."""
    for kind in type(module).__mro__:
        library = kind.__module__.partition(".")[0]
        if library in _LIBRARIES:
            return library, kind.__name__
    return "", ""
