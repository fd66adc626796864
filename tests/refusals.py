"""Try every visualisation on a network of every family: `make refusals` writes docs/refusals.md.

A cell of the table works if the numbers are finite, each picture of a batch gives the same numbers as it does alone,
and the model is unchanged.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection, segmentation

from mirror_app.errors import MirrorError
from mirror_app.params import Value
from mirror_app.visualisations import registry
from tests import ROOT
from tests.families import convnext, maxvit, mobilenet, plain_vgg, swin, vit
from tests.modern import of_transformers
from tests.networks import Functional, Linear, Tricky, densenet, quick, resnet18, squeezenet, state

DOCUMENT = ROOT / "docs" / "refusals.md"
WORKS = "✓"


def googlenet() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.googlenet(weights=None, num_classes=10, aux_logits=False, init_weights=False).eval()


def inception() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.inception_v3(weights=None, num_classes=10, aux_logits=False, init_weights=False).eval()


def efficientnet() -> nn.Module:
    torch.manual_seed(0)
    return torchvision.models.efficientnet_b0(num_classes=10).eval()


def segments() -> nn.Module:
    torch.manual_seed(0)
    return segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=4).eval()


def detects() -> nn.Module:
    torch.manual_seed(0)
    plain = {"weights": None, "weights_backbone": None, "num_classes": 4}
    return detection.ssdlite320_mobilenet_v3_large(**plain, score_thresh=0.0).eval()


def small(name: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = timm.create_model(name, num_classes=5, **options)
    classifier = model.get_classifier()  # type: ignore[operator]
    nn.init.normal_(classifier.weight, std=0.02)  # Hiera's is zero until it is trained
    return model.eval()


class Twice(nn.Module):
    """Takes a picture and a number for each of its channels, and returns a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.tricky = Tricky()

    def forward(self, inputs: Tensor, weights: Tensor | None = None) -> dict[str, Tensor]:
        weighted = inputs if weights is None else inputs * weights[:, :, None, None]
        return {"maps": weighted, "logits": self.tricky(weighted)}


@dataclass(frozen=True)
class Family:
    """A network, the layer that is shown, the target that is explained, and the inputs that the network takes."""

    name: str
    build: Callable[[], nn.Module]
    layer: str
    target: int | str = 3
    size: tuple[int, int] = (64, 64)
    channels: int = 3
    extra_inputs: tuple[Tensor, ...] = field(default=())

    def inputs(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(2, self.channels, *self.size, generator=generator, dtype=torch.float64)


FAMILIES = [
    Family("VGG", plain_vgg, "0.20"),
    Family("in-place ReLUs", Tricky, "late", size=(40, 24)),
    Family("functional ReLUs", lambda: Functional(Tricky()), "tricky.late", size=(40, 24)),
    Family("SqueezeNet", squeezenet, "features"),
    Family("ResNet", resnet18, "layer4", size=(64, 96)),
    Family("DenseNet", densenet, "features"),
    Family("GoogLeNet", googlenet, "inception5b"),
    Family("Inception", inception, "Mixed_6e", size=(96, 96)),
    Family("MobileNet (hard swish)", mobilenet, "features"),
    Family("EfficientNet (SiLU)", efficientnet, "features"),
    Family("ConvNeXt (GELU)", convnext, "features"),
    Family("ViT", vit, "encoder.layers.encoder_layer_2.ln_1"),
    Family("Swin", swin, "permute"),
    Family("MaxViT", maxvit, "blocks.1"),
    Family("1 channel", lambda: Linear(1, 4, 5), "maps", size=(40, 24), channels=1),
    Family("4 channels", lambda: Linear(4, 4, 5), "maps", size=(40, 24), channels=4),
    Family("dictionary", Twice, "tricky.late", ":logits:3", size=(40, 24)),
    Family(
        "two inputs",
        Twice,
        "tricky.late",
        ":logits:3",
        (40, 24),
        extra_inputs=(torch.tensor([[0.5, -1, 2]], dtype=torch.float64),),
    ),
    Family("segmentation, a pixel", segments, "backbone.6", ":out:3@20,30"),
    Family("detection, a box", detects, "backbone.features.0.6", ":scores:0", (64, 48)),
    Family("timm: ConvNeXt", partial(small, "convnext_atto"), "stages.2"),
    Family("timm: ViT", partial(small, "vit_tiny_patch16_224", img_size=64, depth=3), "blocks.2.norm1"),
    Family("timm: Swin", partial(small, "swin_tiny_patch4_window7_224", img_size=64), "layers.1"),
    Family("timm: Hiera", partial(small, "hiera_tiny_224", img_size=64), "blocks.2"),
    Family("timm: NesT", partial(small, "nest_tiny", img_size=64), "levels.1.transformer_encoder"),
    Family("Transformers: ViT", partial(of_transformers, "ViT"), "vit.layers.1"),
    Family("Transformers: ResNet", partial(of_transformers, "ResNet"), "resnet.encoder.stages.2"),
]


@dataclass(frozen=True)
class Row:
    """A visualisation with quick parameters, and its name in the table."""

    name: str
    entry: registry.Entry
    params: dict[str, Value]


def rows() -> Iterator[Row]:
    """Yield every visualisation of the registry, followed by its guided form if it has one."""
    for entry in registry.entries():
        params = quick(entry)
        yield Row(entry.name, entry, params)
        if "guide" in entry.method_params:
            yield Row(f"{entry.name}, guided", entry, {**params, "guide": True})


def cell(row: Row, family: Family) -> str:
    """Return WORKS, or the sentence of the refusal; raise AssertionError if the result is wrong."""
    model, inputs = family.build().double(), family.inputs()
    before = state(model)
    params: dict[str, Any] = dict(row.params)
    if "target_class" in row.entry.params:
        params["target_class"] = family.target

    def look(pictures: Tensor) -> tuple[Tensor, Tensor]:
        given = (pictures, *family.extra_inputs) if family.extra_inputs else pictures
        images, info = row.entry.kind(model)(given, family.layer, **params)
        return images, info["raw"]

    try:
        images, raw = look(inputs)
        _, alone = look(inputs[1:])
    except MirrorError as refused:
        return str(refused)
    finally:
        assert state(model) == before, "the model was touched"
    assert raw.isfinite().all(), "numbers that are not finite"
    assert images.isfinite().all()
    assert images.shape[1] == 3, f"images {tuple(images.shape)}"
    if row.entry.key != "kernels":
        apart = (raw[-len(alone) :] - alone).abs().max()
        assert apart <= 1e-6 * alone.abs().max() + 1e-15, f"an item is not what it is alone, by {apart:.1e}"
    return WORKS


def table(names: Callable[[Row], bool], families: list[Family]) -> dict[str, dict[str, str]]:
    """Return the cells by visualisation and family."""
    found: dict[str, dict[str, str]] = {}
    for row in filter(names, rows()):
        found[row.name] = {}
        for family in families:
            try:
                found[row.name][family.name] = cell(row, family)
            except Exception as error:  # reported with its type; the other cells are still tried
                found[row.name][family.name] = f"FAILED with {error!r}"
            print(f"{row.name} · {family.name}: {found[row.name][family.name]}", flush=True)
    return found


def written(found: dict[str, dict[str, str]]) -> str:
    """Return the table as Markdown: each cell holds WORKS, or the number of a sentence below."""
    sentences = list(dict.fromkeys(text for row in found.values() for text in row.values() if text != WORKS))
    lines = ["| |" + "|".join(f" {family.name} " for family in FAMILIES) + "|", "| --- |" + " :-: |" * len(FAMILIES)]
    for name, row in found.items():
        signs = [WORKS if text == WORKS else str(sentences.index(text) + 1) for text in row.values()]
        lines.append(f"| {name} | " + " | ".join(signs) + " |")
    return "\n".join([*lines, "", *(f"{number}. {text}" for number, text in enumerate(sentences, 1))])


def read(text: str) -> dict[str, dict[str, str]]:
    """Return the cells of a table that `written` wrote."""
    lines = text.splitlines()
    sentences = dict(re.findall(r"^(\d+)\. (.+)$", text, re.MULTILINE))
    head, _, *body = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    families = [name.strip() for name in head[1:]]
    cells = {name.strip(): [sign.strip() for sign in signs] for name, *signs in body}
    return {
        name: {f: sentences.get(s, s) for f, s in zip(families, signs, strict=True)} for name, signs in cells.items()
    }


def main() -> None:
    found = table(lambda _: True, FAMILIES)
    works = sum(text == WORKS for row in found.values() for text in row.values())
    count = sum(map(len, found.values()))
    head = f"""# What works, and what is refused

`make refusals` writes this file. Every visualisation is tried on a network of every family, with random weights, a
batch of two pictures and quick parameters. {works} of {count} cells work (✓): the numbers are finite, each picture
gives the same numbers as it does alone, and the model is unchanged. The other cells are refused; their numbers refer
to the sentences below.
{datetime.now(UTC):%d %B %Y}, PyTorch {torch.__version__}, torchvision {torchvision.__version__}.

"""
    if failed := [
        f"{name}: {text}" for name, row in found.items() for text in row.values() if text.startswith("FAILED")
    ]:
        sys.exit("\n".join(failed))
    DOCUMENT.write_text(head + written(found) + "\n", encoding="utf-8")
    print(f"{works} of {count} work: {DOCUMENT}", file=sys.stderr)


if __name__ == "__main__":
    main()
