"""How much of the score AttnLRP and CP-LRP conserve: `make conservation` writes docs/conservation.md."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import open_clip
import timm
import torch
import torchvision
from torch import nn

from mirror_app.errors import MirrorError
from mirror_app.models.initialisation import fill_zero_heads
from mirror_app.visualisations.core import LRP
from tests import ROOT

DOCUMENT = ROOT / "docs" / "conservation.md"
RULES = ("attnlrp", "cp-lrp")
# Parameters that add something that does not depend on the picture: they absorb relevance.
CONSTANTS = (
    *("bias", "cls_token", "class_token", "class_embedding", "reg_token"),
    *("pos_embed", "pos_embedding", "positional_embedding"),
)
SIDES = {"maxvit_rmlp_pico_rw_256": 256, "vit_small_patch14_reg4_dinov2": 56}  # of the pictures; 224 for all others


def _timm(name: str) -> nn.Module:
    size: dict[str, Any] = {"img_size": SIDES[name]} if name == "vit_small_patch14_reg4_dinov2" else {}
    module: nn.Module = timm.create_model(name, num_classes=10, **size)
    return module


def _open_clip() -> nn.Module:
    module: nn.Module = open_clip.create_model("ViT-B-32").visual
    return module


TIMM = (
    *(
        "vit_tiny_patch16_224",
        "deit3_small_patch16_224",
        "vit_small_patch14_reg4_dinov2",
        "swin_tiny_patch4_window7_224",
    ),
    *("maxvit_rmlp_pico_rw_256", "convnext_atto", "efficientnet_b0", "mobilenetv3_small_050", "mobilenetv4_conv_small"),
    *("regnety_002",),
)
MODELS: dict[str, Callable[[], nn.Module]] = {
    **{name: partial(_timm, name) for name in TIMM},
    "torchvision vit_b_16": torchvision.models.vit_b_16,
    "open_clip ViT-B-32, picture tower": _open_clip,
}


def conserved(model: nn.Module, side: int, rule: str) -> str:
    """Return the share of the score that the relevance of the pixels adds up to, as text, or why there is none."""
    picture = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    try:
        _, info = LRP(model)(picture, None, rule=rule, target_class=0)
    except MirrorError as error:
        return f"refused: {error}"
    return f"{float(info['conservation'][0]):.4f}"


def model_of(name: str) -> nn.Module:
    """Return a model with random weights, and with zeros for all that does not depend on the picture."""
    torch.manual_seed(0)
    module = MODELS[name]().eval().double()
    fill_zero_heads(module)
    for parameter_name, parameter in module.named_parameters():
        if parameter_name.endswith(CONSTANTS):
            nn.init.zeros_(parameter)
    return module


def main() -> None:
    """Measure all models and write the document."""
    rows = []
    for name in MODELS:
        model = model_of(name)
        shares = " | ".join(conserved(model, SIDES.get(name, 224), rule) for rule in RULES)
        rows.append(f"| {name} | {shares} |")
        print(rows[-1], flush=True)
    text = f"""# What relevance conserves

`make conservation` wrote this. It shows the sum of the relevance of all pixels, divided by the score of the target (the
first output), for models with random weights, in double precision and with the default γ. Biases, class tokens and
position embeddings are set to zero: they do not depend on the picture, and absorb relevance.
{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, timm {timm.__version__}, open_clip {open_clip.__version__}.

Linear layers, activations, norms, gates and products conserve relevance. AttnLRP's rule for the softmax does not: half
of the relevance of attention goes to the attention weights s = softmax(x). If R is the relevance of the weights, the
logits x receive x (R - s Σ R), which can add up to anything. CP-LRP sends no relevance through the softmax. With
trained weights, the page shows the share for each picture.

With γ = 0, positive and negative relevance can each grow far beyond the score: in `efficientnet_b0`, the absolute
values add up to 10¹³ times the score and more, and what is left of their sum is rounding. γ > 0 prevents this.

| model | AttnLRP | CP-LRP |
| --- | --- | --- |
{chr(10).join(rows)}
"""
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
