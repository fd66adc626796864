"""Torchvision's classification, segmentation and detection models, trained or with random weights."""

from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path
from typing import Any

import torchvision
from torch import nn
from torchvision.models import (
    detection,
    get_model,
    get_model_builder,
    get_model_weights,
    list_models,
    segmentation,
)

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models import download
from mirror_app.models.initialisation import fill_zero_heads, fixed_seed
from mirror_app.models.model import Model
from mirror_app.models.transfer import DownloadProgress
from mirror_app.probe.output_kind import OutputKind, OutputMeaning

UNTRAINED = "-untrained"

SIDE = 512  # pixels: the side of the input of detection models, which take any size and state no preprocessing


def names() -> tuple[str, ...]:
    """Return the names of all classification, segmentation and detection models of torchvision."""
    return (*classifiers(), *list_models(module=segmentation), *list_models(module=detection))


def classifiers() -> tuple[str, ...]:
    """Return the names of all classification models of torchvision."""
    return tuple(list_models(module=torchvision.models))


def download_sizes() -> dict[str, int]:
    """Return the approximate size in bytes of the weights that are not downloaded yet, by model name."""
    files = download.downloaded_files()
    weights_by_name = {name: _weights(name) for name in names()}
    return {
        name: _bytes(weights)
        for name, weights in weights_by_name.items()
        if download.file_name_of(weights.url) not in files
    }


def weights_file(name: str) -> Path:
    """Return the path of the file with the weights of a model, whether or not it was downloaded."""
    return download.path_of(_weights(name).url)


def load_with_progress(name: str) -> Generator[DownloadProgress | Model, None, None]:
    """Yield the progress of the download, then the model; raise MirrorError if weights cannot be downloaded or read."""
    architecture = name.removesuffix(UNTRAINED)
    weights = _weights(architecture)
    if name.endswith(UNTRAINED):
        module = untrained(architecture)
    else:
        yield from download.fetch(weights.url, _bytes(weights))
        try:
            with fixed_seed():
                module = get_model(name, weights=weights, progress=False)
        except Exception as error:  # a file that does not fit makes torch raise many kinds of error
            file = weights_file(name).name
            problem = f"The weights in '{file}' do not fit '{name}' of this torchvision."
            raise MirrorError(problem, culprit=file) from error
    labels = tuple(weights.meta["categories"])
    is_classifier = architecture in classifiers()
    yield Model(
        name,
        _without_auxiliary_heads(module),
        preprocessing(weights),
        labels if is_classifier else (),
        name.endswith(UNTRAINED),
        labels=() if is_classifier else labels,
        output=OutputMeaning(_output_kind(architecture)),
    )


def _output_kind(name: str) -> OutputKind:
    if name in classifiers():
        return OutputKind.CLASSES
    return OutputKind.REGIONS if name in list_models(module=segmentation) else OutputKind.BOXES


def _weights(name: str) -> Any:
    return _weights_of(get_model_builder(name))


@cache
def _weights_of(builder: Callable[..., nn.Module]) -> Any:
    return get_model_weights(builder).DEFAULT


def _bytes(weights: Any) -> int:
    return int(weights.meta["_file_size"] * 2**20)


def preprocessing(weights: Any) -> Preprocessing:
    """Return the preprocessing that `weights` declare; segmentation models get a square centre crop in addition."""
    preset = weights.transforms()
    if not hasattr(preset, "mean"):
        return Preprocessing(SIDE, SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)
    return Preprocessing(
        size=getattr(preset, "crop_size", preset.resize_size)[0],
        resize=preset.resize_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )


def untrained(name: str) -> nn.Module:
    """Return the model of that name with random weights, drawn from a fixed seed."""
    options: dict[str, object] = {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # their own initialisation takes minutes
    if name.startswith("vit_"):
        options["image_size"] = preprocessing(_weights(name)).size  # a part of the architecture
    if name not in classifiers():
        options["weights_backbone"] = None
    with fixed_seed():
        module: nn.Module = get_model(name, weights=None, **options)
        fill_zero_heads(module)  # a new vision transformer has one
    return module


def _without_auxiliary_heads(module: nn.Module) -> nn.Module:
    """Remove the auxiliary heads that GoogLeNet and Inception use only in training."""
    for head in ("aux1", "aux2", "AuxLogits"):
        if hasattr(module, head):
            setattr(module, head, None)
    return module
