"""What the bundled network takes each class to look like: `python -m mirror_app.models.portraits --output sheet.png`.

Plain pixel ascent on the class's logit from grey, with a little total variation: no transforms, no other prior.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from mirror_app import render
from mirror_app.models import catalogue, shapes
from mirror_app.models.network import MEAN, STD


def portraits(net: nn.Module, labels: list[int], seed: int = 0, steps: int = 300) -> Tensor:
    """Return pictures (N, 3, H, W) in [0, 1] whose logits of `labels` are high."""
    noise = torch.randn(len(labels), 3, shapes.SIZE, shapes.SIZE, generator=torch.Generator().manual_seed(seed))
    pixels = (0.5 + 0.02 * noise).requires_grad_()
    optimiser = torch.optim.Adam([pixels], 0.02)
    mean, std = (torch.tensor(value)[:, None, None] for value in (MEAN, STD))
    for _ in range(steps):
        logits = net((pixels - mean) / std)
        loss = total_variation(pixels) * 1e-4 - logits.gather(1, torch.tensor(labels)[:, None]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    return pixels.detach()


def total_variation(pixels: Tensor) -> Tensor:
    """Return the sum of the differences between neighbours."""
    return pixels.diff(dim=2).abs().sum() + pixels.diff(dim=3).abs().sum()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror_app.models.portraits", description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[(5 * place) % 32 for place in range(16)])
    chosen = parser.parse_args()
    net = catalogue.load("shapes").module.requires_grad_(False)
    sheet = render.grid(portraits(net, chosen.labels), 4)
    chosen.output.write_bytes(render.png(render.pixels(sheet)))
    print("\n".join(f"{place + 1:2}. {shapes.CLASSES[label]}" for place, label in enumerate(chosen.labels)))


if __name__ == "__main__":
    main()
