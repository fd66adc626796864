"""Small models with generated weights, saved as their libraries save them: the repositories of a hub in the tests."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from open_clip.push_to_hf_hub import save_config_for_hf
from open_clip.transform import PreprocessCfg
from safetensors.torch import save_file
from timm.models import save_for_hf as save_timm
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTokenizer,
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextImageProcessor,
    Dinov2Config,
    Dinov2Model,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

ANIMALS = {0: "cat", 1: "dog", 2: "owl"}
_LABELS: dict[str, Any] = {"id2label": ANIMALS, "label2id": {name: number for number, name in ANIMALS.items()}}
_SMALL: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
_PATCHES: dict[str, Any] = {**_SMALL, "image_size": 64, "patch_size": 16}
_LETTERS = [letter for text in sorted(ByteLevel.alphabet()) for letter in (text, f"{text}</w>")]
_VOCABULARY = {word: number for number, word in enumerate([*_LETTERS, "<|startoftext|>", "<|endoftext|>"])}
_WORDS: dict[str, Any] = {
    **_SMALL,
    "vocab_size": len(_VOCABULARY),
    "bos_token_id": len(_LETTERS),
    "eos_token_id": len(_LETTERS) + 1,
    "pad_token_id": len(_LETTERS) + 1,
    "max_position_embeddings": 24,
}


def deit3(folder: Path) -> None:
    size: dict[str, Any] = {"depth": 2, "embed_dim": 96, "num_heads": 3}
    module = timm.create_model("deit3_small_patch16_224.fb_in1k", **size)
    save_timm(module, str(folder), model_args=size, safe_serialization=True)


def squashing(folder: Path) -> None:
    size: dict[str, Any] = {"depth": 2, "embed_dim": 96, "num_heads": 3}
    stretched: dict[str, Any] = {"crop_mode": "squash"}
    module = timm.create_model("vit_base_patch16_siglip_224.webli", pretrained_cfg_overlay=stretched, **size)
    save_timm(module, str(folder), model_args=size, safe_serialization=True)


def vit(folder: Path) -> None:
    ViTForImageClassification(ViTConfig(**_PATCHES, **_LABELS)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def convnext(folder: Path) -> None:
    config = ConvNextConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], image_size=64, **_LABELS)
    ConvNextForImageClassification(config).save_pretrained(folder)
    ConvNextImageProcessor(size={"shortest_edge": 64}).save_pretrained(folder)


def segformer(folder: Path) -> None:
    config = SegformerConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16, **_LABELS)
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)


def dinov2(folder: Path) -> None:
    Dinov2Model(Dinov2Config(**{**_PATCHES, "image_size": 56, "patch_size": 14})).save_pretrained(folder)
    cropping: dict[str, Any] = {
        "size": {"shortest_edge": 64},
        "crop_size": {"height": 56, "width": 56},
        "do_center_crop": True,
    }
    CLIPImageProcessor(**cropping).save_pretrained(folder)


def clip(folder: Path) -> None:
    CLIPModel(CLIPConfig(text_config=_WORDS, vision_config=_PATCHES, projection_dim=16)).save_pretrained(folder)
    side = {"shortest_edge": 64}
    CLIPImageProcessor(size=side, crop_size={"height": 64, "width": 64}).save_pretrained(folder)
    CLIPTokenizer(_VOCABULARY, []).save_pretrained(folder)


def siglip(folder: Path) -> None:
    SiglipModel(SiglipConfig(text_config=_WORDS, vision_config=_PATCHES)).save_pretrained(folder)
    SiglipImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    CLIPTokenizer(_VOCABULARY, []).save_pretrained(folder)  # SigLIP's own needs a file that SentencePiece trains


def by_open_clip(folder: Path) -> None:
    vision: dict[str, Any] = {"image_size": 64, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16}
    text: dict[str, Any] = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    configuration: dict[str, Any] = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    model = open_clip.model.CLIP(**configuration)
    open_clip.model.set_model_preprocess_cfg(model, {**asdict(PreprocessCfg()), "size": 64})
    save_config_for_hf(model, folder / "open_clip_config.json", configuration)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")


REPOSITORIES: dict[str, Callable[[Path], None]] = {
    "timm/deit3_small_patch16_224.fb_in1k": deit3,
    "timm/vit_base_patch16_siglip_224.webli": squashing,
    "someone/tiny-vit": vit,
    "someone/tiny-convnext": convnext,
    "someone/tiny-segformer": segformer,
    "someone/tiny-dinov2": dinov2,
    "someone/tiny-clip": clip,
    "someone/tiny-siglip": siglip,
    "someone/tiny-open-clip": by_open_clip,
}


def save(name: str, root: Path) -> Path:
    """Save the repository of that name in `root`, with weights from a fixed seed, and return its folder."""
    folder = root / name
    if not folder.exists():
        folder.mkdir(parents=True)
        torch.manual_seed(0)
        REPOSITORIES[name](folder)
    return folder


def change_config(folder: Path, **changes: object) -> None:
    """Change entries of a saved configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
