"""Every model of torchvision that looks at one picture, with its real weights or, where one says so, untrained."""

from collections.abc import Callable, Generator
from functools import cache
from threading import Lock
from typing import Any

import torch
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
from mirror_app.models.download import DownloadProgress
from mirror_app.models.model import Model
from mirror_app.probe.output_kind import OutputKind, OutputMeaning

UNTRAINED = "-untrained"

_drawing = Lock()  # torchvision draws first weights from the random numbers that the whole process shares


SIDE = 512  # of what detection models are shown: they take any size, and have no preprocessing of their own


def names() -> tuple[str, ...]:
    """Return the names of all classification, segmentation and detection models of torchvision."""
    return (*classifiers(), *list_models(module=segmentation), *list_models(module=detection))


def classifiers() -> tuple[str, ...]:
    """Return the names of all classification models of torchvision."""
    return tuple(list_models(module=torchvision.models))


def download_sizes() -> dict[str, int]:
    """Return the size in bytes of the weights that are not here yet, about, by the name of their model."""
    here = download.downloaded_files()
    found = {name: _weights(name) for name in names()}
    return {name: _bytes(weights) for name, weights in found.items() if download.file_name_of(weights.url) not in here}


def load_with_progress(name: str) -> Generator[DownloadProgress | Model, None, None]:
    """Yield how far the download is, and at last the model; raise MirrorError."""
    weights = _weights(name.removesuffix(UNTRAINED))
    if name.endswith(UNTRAINED):
        module = untrained(name.removesuffix(UNTRAINED))
    else:
        yield from download.fetch(weights.url, _bytes(weights))
        try:
            with _drawing:
                module = get_model(name, weights=weights, progress=False)
        except Exception as error:  # whatever a spoilt file makes torch raise
            file = download.path_of(weights.url)
            raise MirrorError(f"The weights in '{file}' cannot be read: delete that file to fetch it again.") from error
    labels, plain = tuple(weights.meta["categories"]), name.removesuffix(UNTRAINED)
    classifies = plain in classifiers()
    yield Model(
        name,
        _headless(module),
        preprocessing(weights),
        labels if classifies else (),
        name.endswith(UNTRAINED),
        labels=() if classifies else labels,
        output=OutputMeaning(_output_kind(plain)),
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
    """Return what the preset of `weights` does; of a picture that is not square, segmentation sees the middle only."""
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
    """Return the model of that name with random weights, always the same ones."""
    options: dict[str, object] = {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # they would draw their first weights one by one, for minutes
    if name.startswith("vit_"):
        options["image_size"] = preprocessing(_weights(name)).size  # which is part of their architecture
    if name not in classifiers():
        options["weights_backbone"] = None
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        module: nn.Module = get_model(name, weights=None, **options)
        for part in module.modules():
            # A head of zeros, as a new transformer has, would let no gradient through.
            if isinstance(part, nn.Linear) and not part.weight.any():
                nn.init.normal_(part.weight, std=0.02)
    return module


def _headless(module: nn.Module) -> nn.Module:
    """Take away the heads that GoogLeNet and Inception have for their training only."""
    for head in ("aux1", "aux2", "AuxLogits"):
        if hasattr(module, head):
            setattr(module, head, None)
    return module
