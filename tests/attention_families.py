"""Attention in all families of timm and Transformers: `make attention` writes docs/attention.md.

A family is a module of `timm.models`, represented by its smallest model, or a model type of Transformers. All have
random weights. A family works if Attention opens without a layer being named.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import timm
import torch
import transformers
from timm.models import get_pretrained_cfg_value
from timm.models._registry import _module_to_models
from torch import Tensor, nn
from transformers.models.auto import modeling_auto

from mirror_app.errors import MirrorError
from mirror_app.models.huggingface.names import TIMM, timm_sizes
from mirror_app.probe import View
from mirror_app.probe.attention_calls import AttentionCall, attention_layers, reading_attention
from mirror_app.probe.attention_places import attention_places
from mirror_app.visualisations.core import Attention
from tests import ROOT

DOCUMENT = ROOT / "docs" / "attention.md"
GOAL = 0.95
PATCHES = 3  # down and across
MAX_TRIED = 2
MAX_BYTES = 2 * 2**30  # of weights
MAX_SECONDS = 600  # for one family
MAX_SIDE = 331  # of pictures; models for larger ones are given pictures of 224 x 224

# The name of a family, its model, how to build it, and the side of its pictures.
Family = tuple[str, str, Callable[[], nn.Module], int]


@dataclass(frozen=True)
class Row:
    """What was found in one family."""

    family: str
    model: str
    operations: int = 0
    placed: int = 0
    deviation: float = 0.0
    patches: int = 0
    refusal: str = ""

    def line(self) -> str:
        outcome = self.refusal or "opens"
        figures = f"{self.placed} of {self.operations} | {self.deviation:.0e} | {self.patches} of {PATCHES**2}"
        return f"| {self.family} | {self.model} | {figures} | {outcome} |"


def timm_families() -> Iterator[Family]:
    """Yield each module of timm with its smallest model: its name, how to build it, and the side of its pictures."""
    sizes: dict[str, int] = {}
    for name, size in timm_sizes().items():
        architecture = name.removeprefix(TIMM).partition(".")[0]
        sizes[architecture] = min(size, sizes.get(architecture, size))
    for family, models in sorted(_module_to_models.items()):
        smallest = min(models, key=lambda name: (sizes.get(name, MAX_BYTES), name))
        side = (get_pretrained_cfg_value(smallest, "input_size") or (3, MAX_SIDE, MAX_SIDE))[-1]
        if side <= MAX_SIDE:
            yield family, smallest, partial(timm.create_model, smallest), side
        else:
            yield family, smallest, partial(_for_small_pictures, smallest), 224


def _for_small_pictures(name: str) -> nn.Module:
    try:
        module: nn.Module = timm.create_model(name, img_size=224)
    except TypeError:  # it takes pictures of any size
        module = timm.create_model(name)
    return module


def transformers_families() -> Iterator[Family]:
    """Yield each model type of Transformers that takes pictures, with its class, and the side of its pictures."""
    towers = {
        "clip_vision_model": "CLIPVisionModel",
        "sapiens2": "Sapiens2Model",  # its default configuration has no head
        "siglip_vision_model": "SiglipVisionModel",
    }
    classes = (
        dict(modeling_auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES)
        | dict(modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES)
        | towers
    )
    for model_type, named in sorted(classes.items()):
        name = named if isinstance(named, str) else named[0]
        config = transformers.CONFIG_MAPPING[model_type]
        side = getattr(config(), "image_size", 224)
        side = side if isinstance(side, int) else 224
        yield model_type, name, partial(_configured, name, config, side), side


def _configured(name: str, config: Callable[[], Any], side: int) -> nn.Module:
    kind = getattr(transformers, name)
    with torch.device("meta"):
        size = sum(parameter.nbytes for parameter in kind(config()).parameters())
    if size > MAX_BYTES:
        raise MemoryError(f"{size / 2**30:.0f} GiB of weights")
    module: nn.Module = kind(config())
    _calibrate(module, side)
    return module


def _calibrate(module: nn.Module, side: int) -> None:
    """Set convolutions and the statistics of batch norms so that activations do not vanish in deep networks."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    if norms:
        with torch.no_grad():
            module.train()(torch.randn(4, 3, side, side))


def examine(family: str, name: str, build: Callable[[], nn.Module], side: int) -> Row | None:
    """Return what Attention finds in a family, or None if it has no attention with a softmax."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(MAX_SECONDS)
    try:
        return _examine(family, name, build, side)
    except TimeoutError as error:
        return Row(family, name, refusal=str(error))
    finally:
        signal.alarm(0)


def _give_up(*_: object) -> None:
    raise TimeoutError(f"takes more than {MAX_SECONDS // 60} minutes")


def _examine(family: str, name: str, build: Callable[[], nn.Module], side: int) -> Row | None:
    torch.manual_seed(0)
    picture = torch.randn(1, 3, side, side)
    try:
        module = build().eval()
        view = View(module)
        layers = attention_layers(view, picture)
    except TimeoutError:
        raise
    except Exception as error:  # a library may need another package, or another kind of input
        line = str(error).strip().partition("\n")[0][:120]
        return Row(family, name, refusal=f"cannot be built or run: {type(error).__name__}: {line}")
    if not layers:
        return None
    tried = _spread(len(layers))
    placed = [number for number in tried if _is_placed(view, picture, number)]
    patches = _patches_found(view, picture, placed[0]) if placed else 0
    try:
        Attention(module)(picture, None)
    except MirrorError as error:
        return Row(family, name, len(tried), len(placed), _deviation(view, picture), patches, f"refused: {error}")
    return Row(family, name, len(tried), len(placed), _deviation(view, picture), patches)


def _spread(count: int) -> list[int]:
    """Return up to MAX_TRIED of the numbers below `count`, evenly spread, the first and the last included."""
    steps = min(count, MAX_TRIED) - 1
    return sorted({round(step * (count - 1) / max(1, steps)) for step in range(steps + 1)})


def _is_placed(view: View, picture: Tensor, number: int) -> bool:
    try:
        attention_places(view, picture, number)
    except MirrorError:
        return False
    return True


def _calls(view: View, picture: Tensor) -> list[AttentionCall]:
    calls: list[AttentionCall] = []
    with torch.no_grad(), reading_attention(view, picture, calls.append):
        view.predict(picture)
    return calls


def _deviation(view: View, picture: Tensor) -> float:
    return max(call.deviation for call in _calls(view, picture))


def _patches_found(view: View, picture: Tensor, number: int) -> int:
    """Change each of nine patches of the picture; count in how many the values change most in the patch's own cells."""
    places = attention_places(view, picture, number)
    before = _calls(view, picture)[number].values
    side = picture.shape[2] // PATCHES
    count = 0
    for row in range(PATCHES):
        for column in range(PATCHES):
            changed = picture.clone()
            top, left = row * side, column * side
            patch = changed[..., top : top + side, left : left + side]
            patch.copy_(torch.randn(patch.shape, generator=torch.Generator().manual_seed(1)) * 2)
            energy = (_calls(view, changed)[number].values - before).pow(2).sum(-1)
            map_ = places.keys.maps(energy.unflatten(0, (1, -1))).mean(1)[0]
            peak = divmod(int(map_.argmax()), map_.shape[1])
            cells = [(peak[axis] + 0.5) / map_.shape[axis] * PATCHES for axis in (0, 1)]
            count += (int(cells[0]), int(cells[1])) == (row, column)
    return count


def main() -> None:
    """Examine all families, write the document, and exit with an error if fewer than the goal work."""
    rows: list[tuple[str, Row]] = []
    without: dict[str, list[str]] = {}
    sources: dict[str, Iterator[Family]] = {"timm": timm_families(), "Transformers": transformers_families()}
    families = [(source, family) for source, all_of_it in sources.items() for family in all_of_it]
    families = [each for each in families if len(sys.argv) == 1 or each[1][0] in sys.argv[1:]]
    with ProcessPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as workers:
        started = time.monotonic()
        examined = [workers.submit(examine, *family) for _, family in families]
        for future in as_completed(examined):
            row = future.result()
            print(f"{time.monotonic() - started:.0f} s: {row.line() if row else 'no attention'}", flush=True)
    for (source, (name, *_)), future in zip(families, examined, strict=True):
        if (row := future.result()) is None:
            without.setdefault(source, []).append(name)
        else:
            rows.append((source, row))
    tried = [row for _, row in rows if not row.refusal.startswith("cannot be built")]
    works = [row for row in tried if not row.refusal]
    if len(sys.argv) > 1:
        return
    DOCUMENT.write_text(document(rows, without, len(works), len(tried)), encoding="utf-8")
    print(f"{len(works)} of {len(tried)} families work.")
    if len(works) < GOAL * len(tried):
        sys.exit("The goal was missed.")


def document(rows: list[tuple[str, Row]], without: dict[str, list[str]], works: int, tried: int) -> str:
    """Return the text of docs/attention.md."""
    versions = f"PyTorch {torch.__version__}, timm {timm.__version__}, Transformers {transformers.__version__}"
    parts = [
        f"""# Attention in the families of timm and Transformers

`make attention` wrote this. A family is a module of `timm.models`, represented by its smallest model, or a model type
of Transformers; all have random weights. **Attention opens in {works} of the {tried} families** that have attention
with a softmax and can be built here.
{datetime.now(UTC):%d %B %Y}, {versions}.

- operations: in how many attention operations each key corresponds to a location in the picture, of up to {MAX_TRIED}
  operations that were tried, spread evenly over the model.
- deviation: the largest difference between weights × values and what the model computed, in float32, relative to the
  largest absolute value of the latter.
- patches: each of {PATCHES**2} patches of the picture is changed in turn; in how many cases do the values of the first
  such operation change most inside the patch?
"""
    ]
    for source in dict.fromkeys(source for source, _ in rows):
        lines = "\n".join(row.line() for each, row in rows if each == source)
        names = ", ".join(without.get(source, ()))
        parts.append(
            f"""## {source}

| family | model | operations | deviation | patches | Attention |
| --- | --- | --- | --- | --- | --- |
{lines}

No attention with a softmax: {names}.
"""
        )
    return "\n".join(parts)


if __name__ == "__main__":
    main()
