"""The names of models on the Hugging Face hub: what a name looks like, and the models that are suggested.

A name is `owner/name`, as in the address of the model's page. The models of timm are those of the owner `timm`.
"""

import re
from functools import cache
from pathlib import Path

TIMM_FILE = Path(__file__).with_name("timm.txt")
TIMM = "timm/"
# Well-known models that are read with Transformers or open_clip. Others can be entered by name.
WELL_KNOWN = (
    "facebook/convnext-tiny-224",
    "facebook/dinov2-small",
    "facebook/dinov2-small-imagenet1k-1-layer",
    "facebook/dinov2-with-registers-small",
    "google/siglip-base-patch16-224",
    "google/vit-base-patch16-224",
    "google/vit-base-patch16-224-in21k",
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    "microsoft/resnet-50",
    "microsoft/swin-tiny-patch4-window7-224",
    "nvidia/mit-b0",
    "openai/clip-vit-large-patch14",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")


def is_hub_name(name: str) -> bool:
    """Tell whether `name` has the form owner/name."""
    return _NAME.fullmatch(name) is not None and ".." not in name and "--" not in name


def suggestions() -> tuple[str, ...]:
    """Return the names of the models of timm and of other well-known models."""
    return (*timm_sizes(), *WELL_KNOWN)


@cache
def timm_sizes() -> dict[str, int]:
    """Return the approximate size in bytes of the weights of each model of timm, by name."""
    _, *lines = TIMM_FILE.read_text(encoding="utf-8").splitlines()
    return {TIMM + name: int(size) for name, size in (line.split() for line in lines)}
