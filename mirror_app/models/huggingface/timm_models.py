"""Models of timm, with the preprocessing and the class names that timm states."""

import math
from pathlib import Path
from typing import Any

import timm
from timm.data.config import resolve_data_config
from torch import nn

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing
from mirror_app.models.initialisation import fill_zero_heads, fixed_seed
from mirror_app.models.model import Model
from mirror_app.probe.configuration import configured_class_names
from mirror_app.probe.output_kind import OutputKind, OutputMeaning


def load(folder: Path, name: str) -> Model:
    """Return the model that timm saved in `folder`."""
    with fixed_seed():
        module = timm.create_model(f"local-dir:{folder}", pretrained=True)
    return _model(module, name)


def untrained(architecture: str, name: str) -> Model:
    """Return the model of that architecture, such as "deit3_small_patch16_224.fb_in1k", with random weights."""
    with fixed_seed():
        module = timm.create_model(architecture, pretrained=False)
        fill_zero_heads(module)
    return _model(module, name, untrained=True)


def _model(module: Any, name: str, untrained: bool = False) -> Model:
    output = OutputMeaning(OutputKind.CLASSES if module.num_classes else OutputKind.EMBEDDING)
    classes = class_names(module)
    return Model(name, module, preprocessing(module, name), classes, untrained, output=output)


def class_names(module: Any) -> tuple[str, ...]:
    """Return the names of the classes, or of the numbers of an embedding."""
    count = module.num_classes
    if not count:
        return OutputKind.EMBEDDING.names(module.num_features)
    return configured_class_names(module, count) or OutputKind.CLASSES.names(count)


def preprocessing(module: nn.Module, name: str) -> Preprocessing:
    """Return the preprocessing that timm evaluates the model with; raise MirrorError if it pads pictures."""
    config = resolve_data_config(model=module)
    _, height, width = config["input_size"]
    resized = math.floor(height / config["crop_pct"]), math.floor(width / config["crop_pct"])
    if config["crop_mode"] == "border" or (config["crop_mode"] == "center" and resized[0] != resized[1]):
        raise MirrorError(
            f"'{name}' expects pictures with padded borders, which Mirror cannot prepare.",
            culprit=config["crop_mode"],
            accepted="a model that crops or stretches pictures",
        )
    return Preprocessing(
        (height, width),
        resized if config["crop_mode"] == "squash" else resized[0],
        tuple(config["mean"]),
        tuple(config["std"]),
        config["interpolation"],
    )
