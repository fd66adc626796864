"""Models of Hugging Face Transformers for pictures: classification, segmentation, backbones, and the towers of CLIP."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor
from transformers.utils import logging

from mirror_app.errors import MirrorError
from mirror_app.images import Preprocessing, from_array
from mirror_app.models.initialisation import fixed_seed
from mirror_app.models.model import Model
from mirror_app.probe import View

_INTERPOLATIONS = {0: "nearest", 2: "bilinear", 3: "bicubic"}
_TOLERANCE = 2 / 255  # the mean difference of pixels that rounding between libraries may cause
# For models that read both pictures and texts, the class of the part that reads pictures.
PICTURE_TOWERS = {
    "CLIPModel": "CLIPVisionModelWithProjection",
    "SiglipModel": "SiglipVisionModel",
    "Siglip2Model": "Siglip2VisionModel",
    "MetaClip2Model": "MetaClip2VisionModelWithProjection",
}
_TASKS = ("ForImageClassification", "ForImageClassificationWithTeacher", "ForSemanticSegmentation", "Model", "Backbone")


def load(folder: Path, name: str) -> Model:
    """Return the model that Transformers saved in `folder`; raise MirrorError if it cannot be shown."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if getattr(config, "use_pretrained_backbone", False):
        config.use_pretrained_backbone = False  # its weights are in the folder, too
    architecture = _architecture(config, name)
    module = _with_weights(architecture, _config_of(architecture, config), folder, name)
    prepared = preprocessing(folder, name)
    model = Model(name, module, prepared, ())
    with torch.no_grad():
        view = View(module)
        output = view.record_calls(view.prepare_inputs(prepared.blank()))
    labels = getattr(config, "id2label", {}) if architecture.__name__.endswith("ForSemanticSegmentation") else {}
    return model.with_meaning(output, names=[labels[number] for number in sorted(labels)])


def whole(folder: Path, name: str) -> nn.Module:
    """Return the model in `folder` with the part that reads texts; raise MirrorError if its weights do not fit."""
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    return _with_weights(getattr(transformers, config.architectures[0]), config, folder, name)


def _with_weights(architecture: Any, config: Any, folder: Path, name: str) -> nn.Module:
    with fixed_seed(), _quiet():
        module, info = architecture.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    if absent := sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]])):
        raise MirrorError(
            f"The weights of '{name}' do not match a {architecture.__name__}: '{absent[0]}' is missing or has another "
            "shape.",
            culprit=absent[0],
        )
    evaluated: nn.Module = module.eval()
    return evaluated


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Let Transformers report neither progress nor the weights that are not needed, such as those of a text model."""
    verbosity = logging.get_verbosity()
    has_bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()


def _architecture(config: Any, name: str) -> Any:
    """Return the class that the configuration names, or the class of its part that reads pictures."""
    named = (config.architectures or [""])[0]
    architecture = getattr(transformers, PICTURE_TOWERS.get(named, named), None)
    is_supported = named in PICTURE_TOWERS or named.endswith(_TASKS)
    if architecture is None or not is_supported or architecture.main_input_name != "pixel_values":
        raise MirrorError(
            f"'{name}' is a {named or config.model_type}, which Mirror cannot show.",
            culprit=named,
            accepted="image classification, semantic segmentation, backbones, and CLIP and SigLIP models",
            hint="Choose a CLIP or SigLIP model, or one for image classification, semantic segmentation or features.",
        )
    return architecture


def _config_of(architecture: Any, config: Any) -> Any:
    """Return the part of the configuration that `architecture` takes."""
    if architecture.__name__ not in PICTURE_TOWERS.values() or not hasattr(config, "vision_config"):
        return config
    if hasattr(config, "projection_dim"):
        config.vision_config.projection_dim = config.projection_dim
    return config.vision_config


def preprocessing(folder: Path, name: str) -> Preprocessing:
    """Return the preprocessing that the model's image processor states.

    Raises:
        MirrorError: If there is no image processor, or if it prepares a test picture differently from the preprocessing
            read from its settings, for example with padding or with another order of the colours.
    """
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise MirrorError(f"'{name}' does not state how pictures are prepared.", culprit=name) from error
    stated = _stated(processor)
    waves = np.sin(np.arange(330 * 250 * 3) / 700).reshape(250, 330, 3)
    picture = from_array(((waves + 1) * 127.5).astype(np.uint8), "waves")
    expected: Tensor = processor(picture.pixels.copy(), return_tensors="pt")["pixel_values"]
    prepared = stated.prepare(picture) if stated else torch.empty(0)
    if stated and prepared.shape == expected.shape:
        difference = (prepared - expected).abs().mean() * min(stated.std)
        if difference <= _TOLERANCE:
            return stated
    raise MirrorError(
        f"'{name}' prepares pictures in a way that Mirror cannot reproduce ({type(processor).__name__}).", culprit=name
    )


def _stated(processor: Any) -> Preprocessing | None:
    """Return the preprocessing in the settings of an image processor, or None if they cannot be expressed."""
    interpolation = _INTERPOLATIONS.get(int(getattr(processor, "resample", None) or 2))
    resized = _size(processor.size) if processor.do_resize else None
    if resized is None or interpolation is None:
        return None
    crop_share = getattr(processor, "crop_pct", None)
    crop_size = _size(processor.crop_size) if getattr(processor, "do_center_crop", False) else None
    if crop_share and isinstance(resized, int) and resized < 384:  # ConvNext: resized a little larger, then cropped
        resized, crop_size = int(resized / crop_share), resized
    if crop_size is None and isinstance(resized, int):
        return None
    is_normalised = processor.do_normalize
    mean = tuple(processor.image_mean) if is_normalised else (0.0,) * 3
    std = tuple(processor.image_std) if is_normalised else (1.0,) * 3
    return Preprocessing(crop_size or resized, resized, mean, std, interpolation)


def _size(size: Any) -> int | tuple[int, int] | None:
    """Return the length of the shorter side, or (height, width), from a size in an image processor."""
    size = dict(size) if size else {}
    if size.get("height") and size.get("width"):
        return int(size["height"]), int(size["width"])
    shortest = size.get("shortest_edge")
    return int(shortest) if shortest and not size.get("longest_edge") else None
