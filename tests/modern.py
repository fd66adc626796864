"""Families of timm and of Hugging Face Transformers, untrained, and whether Mirror begins at a layer that works.

A family is fine where Activations and Grad-CAM open without a layer being named, and where of a changed patch of the
picture the patch's own cell holds the largest change.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mirror_app.visualisations.core import Activations, GradCam

PATCHES = 3  # down and across
NOISES = 4

# Each with the side of the picture at which its last maps are fine enough to tell nine patches apart. Not here, though
# the graph proves their places, are Inception v3, RepVGG and TinyViT: untrained, each of their last places sees all of
# the picture about alike.
TIMM = {
    "resnet10t": 128,
    "resnetv2_50": 128,
    "resnext50_32x4d": 128,
    "regnety_002": 224,
    "densenet121": 128,
    "vgg11": 96,
    "efficientnet_b0": 224,
    "mobilenetv2_050": 288,
    "mobilenetv3_small_050": 224,
    "mobilenetv4_conv_small": 320,
    "ghostnet_050": 224,
    "lcnet_050": 320,
    "dm_nfnet_f0": 128,
    "convnext_atto": 128,
    "convnextv2_atto": 128,
    "xception41": 224,
    "dla34": 128,
    "hrnet_w18_small": 224,
    "cs3darknet_s": 224,
    "fastvit_t8": 224,
    "edgenext_xx_small": 128,
    "mobilevit_xxs": 224,
    "maxvit_rmlp_pico_rw_256": 128,
    "coatnet_pico_rw_224": 128,
    "efficientvit_b0": 224,
    "poolformer_s12": 128,
    "pvt_v2_b0": 128,
    "levit_128s": 224,
    "cait_xxs24_224": 64,
    "xcit_nano_12_p16_224": 128,
    "pit_ti_224": 128,
    "mvitv2_tiny": 128,
    "hiera_tiny_224": 128,
    "nest_tiny": 64,
    "twins_svt_small": 128,
    "mixer_s32_224": 128,
    "focalnet_tiny_srf": 128,
    "davit_tiny": 128,
    "gcvit_xxtiny": 128,
    "vit_tiny_patch16_224": 64,
    "deit3_small_patch16_224": 64,
    "vit_small_patch14_reg4_dinov2": 56,
    "vit_small_patch16_dinov3": 64,
    "vit_base_patch16_siglip_224": 64,
    "beit_base_patch16_224": 64,
    "eva02_tiny_patch14_224": 56,
    "inception_next_tiny": 128,
    "swin_tiny_patch4_window7_224": 128,
    "swinv2_tiny_window8_256": 128,
}
VISION = {"num_labels": 5, "num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
WORDS = {"vocab_size": 9, "bos_token_id": 0, "eos_token_id": 1}
STAGES = {"depths": [1, 1, 1], "num_labels": 5}
# The name of a class of Transformers, the configuration, and the side of the picture.
TRANSFORMERS: dict[str, tuple[str, dict[str, object], int]] = {
    "ViT": ("ViTForImageClassification", {**VISION, "image_size": 64, "patch_size": 16}, 64),
    "DeiT": ("DeiTForImageClassification", {**VISION, "image_size": 64, "patch_size": 16}, 64),
    "Dinov2": ("Dinov2ForImageClassification", {**VISION, "image_size": 56, "patch_size": 14}, 56),
    "Beit": ("BeitForImageClassification", {**VISION, "image_size": 64, "patch_size": 16}, 64),
    "Siglip": (
        "SiglipForImageClassification",
        {"vision_config": {**VISION, "image_size": 64, "patch_size": 16}, "text_config": {**VISION, **WORDS}},
        64,
    ),
    "Swin": (
        "SwinForImageClassification",
        {"image_size": 64, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "num_labels": 5},
        64,
    ),
    "ResNet": ("ResNetForImageClassification", {**STAGES, "hidden_sizes": [16, 32, 64], "embedding_size": 16}, 64),
    "ConvNext": ("ConvNextForImageClassification", {**STAGES, "hidden_sizes": [16, 32, 64], "num_stages": 3}, 64),
    "Segformer": ("SegformerForImageClassification", {"num_labels": 5}, 128),
}


@dataclass(frozen=True)
class Opening:
    """Where a model opens: the layer, the (rows, columns) of its maps, and of how many patches the cell was found."""

    layer: str
    grid: tuple[int, int]
    right: int

    @property
    def is_right(self) -> bool:
        return self.right == PATCHES**2


def of_timm(name: str) -> nn.Module:
    """Return the model, with five classes, for pictures of its side here; a head of zeros gets weights."""
    import timm

    torch.manual_seed(0)
    try:
        model: nn.Module = timm.create_model(name, num_classes=5, img_size=TIMM[name])
    except TypeError:  # convolutions take any size
        model = timm.create_model(name, num_classes=5)
    return _with_head(model)


def of_transformers(name: str) -> nn.Module:
    """Return the model, small and untrained."""
    import transformers

    torch.manual_seed(0)
    kind = getattr(transformers, TRANSFORMERS[name][0])
    return _with_head(kind(kind.config_class(**TRANSFORMERS[name][1])))


def _with_head(model: nn.Module) -> nn.Module:
    for parameter in model.parameters():
        if parameter.ndim == 2 and not parameter.any():
            nn.init.normal_(parameter)
    return model.eval()


def opening(model: nn.Module, side: int) -> Opening:
    """Return where Activations and Grad-CAM open; raise AssertionError where they differ or Grad-CAM shows nothing."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(NOISES, 3, side, side, generator=generator)
    activations = Activations(model)
    info = activations(pictures)[1]
    layer, before = info["layer"], info["raw"]
    cam = GradCam(activations.view)(pictures[:1])[1]
    assert cam["layer"] == layer
    assert cam["raw"].any(), "Grad-CAM is zero everywhere"
    assert cam["raw"].isfinite().all()

    def maps(changed: Tensor) -> Tensor:
        return activations(changed, layer)[1]["raw"]

    changes = _changes(maps, pictures, before)
    return Opening(layer, (before.shape[2], before.shape[3]), sum(map(_is_right, changes, range(PATCHES**2))))


def _changes(maps: Callable[[Tensor], Tensor], pictures: Tensor, before: Tensor) -> Tensor:
    """Return how much each place changes with each patch, (patches, h, w), as a share of what it does with all of them.

    The share, since by a layer's borders and gains some places change more than others whatever the patch is.
    """
    side, generator = pictures.shape[-1], torch.Generator().manual_seed(1)
    edges = [round(side * number / PATCHES) for number in range(PATCHES + 1)]
    energies = []
    for row in range(PATCHES):
        for column in range(PATCHES):
            changed, patch = pictures.clone(), torch.randn(pictures.shape, generator=generator)
            where = (..., slice(edges[row], edges[row + 1]), slice(edges[column], edges[column + 1]))
            changed[where] = patch[where]
            difference = maps(changed) - before
            together = difference.mean((2, 3), keepdim=True)
            energies.append((difference - together).double().pow(2).sum((0, 1)))
    energy = torch.stack(energies)
    return energy / energy.sum(0)


def _is_right(change: Tensor, number: int) -> bool:
    """Tell whether the largest change lies in a cell that the patch of that number covers, at least in part."""
    place = divmod(int(change.argmax()), change.shape[1])
    patch = divmod(number, PATCHES)
    return all(
        cell < -(-(part + 1) * count // PATCHES) and cell >= part * count // PATCHES
        for cell, part, count in zip(place, patch, change.shape, strict=True)
    )
