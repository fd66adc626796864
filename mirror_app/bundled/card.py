"""The model card of a bundled network: its training data, and its accuracy on held-out scenes."""

import torch
from torch import Tensor, nn

from mirror_app.bundled import dataset, scenes
from mirror_app.bundled.network import MEAN, STD

ONE_OBJECT, TWO_OBJECTS = scenes.HELD_OUT[:8000], scenes.HELD_OUT[:2000]


def one_object_results(net: nn.Module, seeds: range) -> tuple[Tensor, Tensor]:
    """Return the true class of each one-object scene and whether it was predicted, both (N,)."""
    pictures, labels = dataset.draw(seeds)
    return labels[:, 0], _logits(net, pictures).argmax(1) == labels[:, 0]


def two_object_results(net: nn.Module, seeds: range) -> tuple[Tensor, Tensor]:
    """Return whether each two-object scene shows the net's top class, and whether it shows the top two, both (N,)."""
    pictures, labels = dataset.draw(seeds, object_count=2)
    top_classes = _logits(net, pictures).topk(2).indices
    return (labels == top_classes[:, :1]).any(1), (top_classes.sort().values == labels.sort().values).all(1)


def markdown(net: nn.Module, command: str, minutes: float) -> str:
    """Measure the network and return its card as Markdown."""
    labels, is_right = one_object_results(net, ONE_OBJECT)
    either, both = two_object_results(net, TWO_OBJECTS)
    rows = [f"| {name} | {is_right[labels == label].float().mean():.2%} |" for label, name in enumerate(scenes.CLASSES)]
    weights = sum(parameter.numel() for parameter in net.parameters())
    file = f"{type(net).__module__.replace('.', '/')}.py"
    return "\n".join(
        [
            f"# {type(net).__name__}",
            "",
            f"`{file}`, {weights:,} weights. It sorts the object in a scene drawn by `mirror_app/bundled/scenes.py` "
            f"into {len(scenes.CLASSES)} classes: 8 shapes in 4 textures.",
            "",
            f"- **Input:** 3 x {scenes.SIZE} x {scenes.SIZE}, RGB in [0, 1], normalised with mean {MEAN[0]} and "
            f"standard deviation {STD[0]}.",
            f"- **Training data:** synthetic scenes only, with seeds of {scenes.TRAINING.start:,} or more; a quarter "
            "of them have two objects.",
            f"- **Trained by:** `{command}` in {minutes:.0f} minutes on two cores.",
            f"- **Accuracy:** {is_right.float().mean():.2%} on {len(ONE_OBJECT):,} held-out scenes with one object "
            f"(seeds {ONE_OBJECT.start:,} to {ONE_OBJECT.stop - 1:,}).",
            f"- **Two objects:** {len(TWO_OBJECTS):,} held-out scenes with two objects (seeds {TWO_OBJECTS.start:,} "
            f"to {TWO_OBJECTS.stop - 1:,}). In {either.float().mean():.2%} of them, the top class is that of one "
            f"of the two objects; in {both.float().mean():.2%}, the top two classes are those of the two objects.",
            "- **Intended use:** looking inside it. It was never trained on photographs.",
            "",
            "| class | accuracy |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


@torch.no_grad()
def _logits(net: nn.Module, pictures: Tensor) -> Tensor:
    return torch.cat([net(dataset.normalise(batch)) for batch in pictures.split(100)])
