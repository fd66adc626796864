"""What the bundled network takes a class to look like: `python -m mirror_app.models.portraits --output sheet.png`.

Plain pixel ascent on the odds of the class, with a little total variation: no transforms, no other prior. It starts
from a spot of soft colours on grey, since on plain grey the gradient of a robust network is next to nothing.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app import render
from mirror_app.models import catalogue, shapes
from mirror_app.models.network import MEAN, STD

SIXTEEN = tuple(4 * (place % 8) + (place + place // 8) % 4 for place in range(16))  # each shape in two textures
STEP = 1.0  # of a picture in [0, 1]: its L2 norm
SMOOTHNESS = 0.003
SOFT = 8  # pixels from one colour of the spot to the next


def portraits(net: nn.Module, labels: tuple[int, ...], seed: int = 0, steps: int = 100) -> Tensor:
    """Return pictures (N, 3, H, W) in [0, 1] that `net` takes for `labels`, with the greatest odds."""
    pixels = _spots(len(labels), seed).requires_grad_()
    chosen = torch.tensor(labels)[:, None]
    mean, std = (torch.tensor(value)[:, None, None] for value in (MEAN, STD))
    for _ in range(steps):
        logits = net((pixels - mean) / std)
        odds = logits.gather(1, chosen)[:, 0] - logits.scatter(1, chosen, -torch.inf).logsumexp(1)
        (gradient,) = torch.autograd.grad(odds.sum() - SMOOTHNESS * total_variation(pixels), pixels)
        with torch.no_grad():
            pixels += STEP * F.normalize(gradient.flatten(1)).reshape_as(pixels)
            pixels.clamp_(0, 1)
    return pixels.detach()


def _spots(count: int, seed: int) -> Tensor:
    """Return grey pictures (count, 3, H, W) with soft colours about their middle, where one thing has room."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 3, shapes.SIZE // SOFT, shapes.SIZE // SOFT, generator=generator)
    away = torch.linspace(-1, 1, shapes.SIZE)
    spot = torch.exp(-3.3 * (away[:, None] ** 2 + away**2))
    return 0.5 + 0.3 * spot * F.interpolate(noise, scale_factor=SOFT, mode="bicubic")


def total_variation(pixels: Tensor) -> Tensor:
    """Return the sum of the squared differences between neighbours."""
    return pixels.diff(dim=2).square().sum() + pixels.diff(dim=3).square().sum()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror_app.models.portraits", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args()
    net = catalogue.load("shapes").module.requires_grad_(False)
    chosen.output.write_bytes(render.png(render.pixels(render.grid(portraits(net, SIXTEEN), 4))))
    print("\n".join(f"{place}. {shapes.CLASSES[label]}" for place, label in enumerate(SIXTEEN, 1)))


if __name__ == "__main__":
    main()
