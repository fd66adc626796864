"""The card of a bundled network: what it was trained on, and how right it is on scenes that it has never seen."""

import torch
from torch import Tensor, nn

from mirror_app.bundled import dataset, scenes
from mirror_app.bundled.network import MEAN, STD

ONE, TWO = scenes.HELD_OUT[:8000], scenes.HELD_OUT[:2000]


def one_object_results(net: nn.Module, seeds: range) -> tuple[Tensor, Tensor]:
    """Return the true class and whether it was found, both (N,), for the one-thing scenes of those seeds."""
    pictures, labels = dataset.draw(seeds)
    return labels[:, 0], _logits(net, pictures).argmax(1) == labels[:, 0]


def two_object_results(net: nn.Module, seeds: range) -> tuple[Tensor, Tensor]:
    """Return of each two-thing scene whether the top class is one of the two, and whether both are on top (N,)."""
    pictures, labels = dataset.draw(seeds, things=2)
    found = _logits(net, pictures).topk(2).indices
    return (labels == found[:, :1]).any(1), (found.sort().values == labels.sort().values).all(1)


def markdown(net: nn.Module, command: str, minutes: float) -> str:
    """Return the card as Markdown; every figure is measured here and now."""
    labels, right = one_object_results(net, ONE)
    either, both = two_object_results(net, TWO)
    rows = [f"| {name} | {right[labels == label].float().mean():.2%} |" for label, name in enumerate(scenes.CLASSES)]
    weights = sum(parameter.numel() for parameter in net.parameters())
    return "\n".join(
        [
            "# The shapes network",
            "",
            f"`ShapesNet` (`mirror_app/bundled/network.py`), {weights:,} weights. It names the thing in a scene that "
            f"`mirror_app/bundled/scenes.py` draws, one of {len(scenes.CLASSES)} classes: 8 shapes in 4 textures.",
            "",
            f"- **Input:** 3 x {scenes.SIZE} x {scenes.SIZE}, RGB in [0, 1], less {MEAN[0]}, by {STD[0]}.",
            f"- **Data:** scenes drawn by seed, for training seeds {scenes.TRAINING.start:,} and up, a quarter of them "
            "with two things; nothing else.",
            f"- **Made by:** `{command}` in {minutes:.0f} minutes on two cores.",
            f"- **Right:** {right.float().mean():.2%} of {len(ONE):,} one-thing scenes (seeds {ONE.start:,} to "
            f"{ONE.stop - 1:,}, never trained on).",
            f"- **Two things:** the top class is one of the two in {either.float().mean():.2%} of {len(TWO):,} scenes "
            f"with two (seeds {TWO.start:,} to {TWO.stop - 1:,}), both are the top two in {both.float().mean():.2%}.",
            "- **Not for:** anything but looking inside it. It knows no photograph.",
            "",
            "| class | right |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


@torch.no_grad()
def _logits(net: nn.Module, pictures: Tensor) -> Tensor:
    return torch.cat([net(dataset.normalise(batch)) for batch in pictures.split(100)])
