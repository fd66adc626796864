"""The kind and the class names of a model's output, if the library that the model comes from declares them.

Nothing is imported for this: a model of Transformers, timm or open_clip is recognised by the module of its class.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torchvision.models import ResNet18_Weights

from mirror_app.probe.output_kind import OutputKind, OutputMeaning

_KIND_BY_PROBLEM = {
    "single_label_classification": OutputKind.CLASSES,
    "multi_label_classification": OutputKind.LABELS,
    "regression": OutputKind.NUMBERS,
}
_LIBRARIES = ("transformers", "timm", "open_clip", "torchvision")
_HEADLESS_SUFFIXES = ("Model", "Backbone", "Encoder", "Projection")  # endings of class names in Transformers
_IMAGENET_CLASSES = 1000


def configured_meaning(module: nn.Module, count: int) -> OutputMeaning | None:
    """Return the declared meaning of the output of `module`, or None if its library declares nothing.

    `count` is the number of scores, or 0 for other outputs. The meaning is marked as assumed for a module that wraps a
    library's model, and for a subclass with its own forward method, as both may process the output further.
    """
    is_library_forward = _has_library_forward(module)
    if head := next(_classification_models(module, count), None):
        kind = _KIND_BY_PROBLEM.get(head.config.problem_type, OutputKind.CLASSES if count > 1 else OutputKind.NUMBERS)
        return OutputMeaning(kind, assumed=head is not module or not is_library_forward)
    library, name = _library_class(module) if is_library_forward else ("", "")
    match library:
        case "transformers" if name.endswith(_HEADLESS_SUFFIXES):
            return OutputMeaning(OutputKind.EMBEDDING)
        case "transformers" if name.endswith("ForSemanticSegmentation"):
            return OutputMeaning(OutputKind.REGIONS)
        case "timm" if getattr(module, "num_classes", None) == 0 and not _has_new_head(module):
            return OutputMeaning(OutputKind.EMBEDDING)
        case "open_clip":
            return OutputMeaning(OutputKind.EMBEDDING)
        case "torchvision" if count == _IMAGENET_CLASSES:
            return OutputMeaning(OutputKind.CLASSES)
    return None


def configured_class_names(module: nn.Module, count: int) -> tuple[str, ...]:
    """Return the `count` class names from the configuration of Transformers or timm, or from torchvision, or ()."""
    if head := next(_classification_models(module, count), None):
        names: dict[int, str] = head.config.id2label
        return tuple(names[number] for number in range(count)) if set(names) == set(range(count)) else ()
    match _library_class(module)[0]:
        case "torchvision" if count == _IMAGENET_CLASSES:
            return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
        case "timm":
            return _timm_class_names(module, count)
    return ()


def _timm_class_names(module: Any, count: int) -> tuple[str, ...]:
    """Return the class names of the data set that the configuration of a timm model states; () if there are none."""
    configuration = getattr(module, "pretrained_cfg", {})
    if count != configuration.get("num_classes"):
        return ()  # the model has been given another head
    if names := configuration.get("label_names"):
        descriptions = configuration.get("label_descriptions") or {}
        return tuple(descriptions.get(name, name) for name in names)
    if count == _IMAGENET_CLASSES:
        return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset  # the model has imported timm

    subset = infer_imagenet_subset(module)
    info = ImageNetInfo(subset) if subset else None
    return tuple(info.index_to_description(number) for number in range(count)) if info else ()


def _classification_models(module: nn.Module, count: int) -> Iterator[Any]:
    """Yield the Transformers classification models with `count` outputs: the module itself or a submodule."""
    for submodule in module.modules():
        library, name = _library_class(submodule)
        config: Any = getattr(submodule, "config", None)
        if library == "transformers" and "ForImageClassification" in name and config.num_labels == count:
            yield submodule


def _has_library_forward(module: nn.Module) -> bool:
    """Tell whether the forward method of `module` comes from a library and not from the user."""
    defining_class = next(base for base in type(module).__mro__ if "forward" in vars(base))
    return "forward" not in vars(module) and defining_class.__module__.partition(".")[0] in _LIBRARIES


def _has_new_head(module: Any) -> bool:
    """Tell whether a timm model that was created without a classifier has been given one since.

    In a model without a classifier, an identity or a timm module that contains no classifier takes the classifier's
    place.
    """
    classifiers, submodules = module.pretrained_cfg.get("classifier") or (), dict(module.named_modules())
    for name in (classifiers,) if isinstance(classifiers, str) else classifiers:
        parent = name
        while parent not in submodules:
            parent = parent.rpartition(".")[0]
        is_library_module = parent != name and _library_class(submodules[parent])[0] == "timm"
        if not isinstance(submodules[parent], nn.Identity) and not is_library_module:
            return True
    return False


def _library_class(module: nn.Module) -> tuple[str, str]:
    """Return the library and the name of the first base class of `module` that a known library defines."""
    for base in type(module).__mro__:
        library = base.__module__.partition(".")[0]
        if library in _LIBRARIES:
            return library, base.__name__
    return "", ""
