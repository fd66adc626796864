"""Train the bundled network: `python -m mirror_app.bundled.training`, a quarter of an hour on two cores with bfloat16.

First on scenes as they are, then on scenes with the worst small change (one gradient step), each with a learning rate
that rises and falls: the second makes gradients and class pictures readable. Engstrom et al. 2019, “Adversarial
Robustness as a Prior for Learned Representations”.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.bundled import card, dataset, scenes
from mirror_app.bundled.network import ShapesNet

BATCH = 64
Change = Callable[[Tensor, Tensor], Tensor]  # (inputs, targets) -> inputs
RADIUS = 8.0  # of the worst change: its L2 norm, in inputs of standard deviation 0.25


def train(seed: int, count: int, plain_epochs: float, worst_epochs: float) -> ShapesNet:
    """Return the network of that seed, trained on as many scenes drawn for it, for so many epochs of each kind."""
    torch.manual_seed(seed)
    pictures, targets = _drawn(scenes.TRAINING[seed * count : (seed + 1) * count])
    net = ShapesNet(len(scenes.CLASSES)).to(memory_format=torch.channels_last)
    plain, worst = (int(epochs * count / BATCH) for epochs in (plain_epochs, worst_epochs))
    _cycle(net, pictures, targets, plain, 4e-3, lambda inputs, target: inputs)
    _cycle(net, pictures, targets, worst, 2e-3, lambda inputs, target: inputs + worst_change(net, inputs, target))
    return net.eval()


def _cycle(net: nn.Module, pictures: Tensor, targets: Tensor, steps: int, rate: float, changed: Change) -> None:
    """Train for so many steps on changed batches, the learning rate rising to `rate` and falling to nothing."""
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.15)
    began = time.perf_counter()
    for step in range(steps):
        chosen = torch.randint(len(pictures), (BATCH,))
        inputs = changed(dataset.normalise(pictures[chosen]), targets[chosen])
        loss = _loss(net.train(), inputs, targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"{step}/{steps}  loss {loss.item():.3f}  {time.perf_counter() - began:.0f} s", flush=True)


def worst_change(net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the change of `inputs`, of L2 norm RADIUS an item, along which the loss grows fastest."""
    moved = inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_loss(net, moved, targets), moved)
    return F.normalize(gradient.flatten(1), dim=1).reshape_as(inputs) * RADIUS


def _drawn(seeds: range) -> tuple[Tensor, Tensor]:
    """Return scenes, three in four with one thing and the others with two, and the share of each class in them."""
    parts = [dataset.draw(seeds[: len(seeds) * 3 // 4], 1), dataset.draw(seeds[len(seeds) * 3 // 4 :], 2)]
    shares = [F.one_hot(labels, len(scenes.CLASSES)).float().mean(1) for _, labels in parts]
    return torch.cat([pictures for pictures, _ in parts]), torch.cat(shares)


def _loss(net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    # A processor that only imitates bfloat16 takes ten times as long in it.
    quick = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with torch.autocast("cpu", torch.bfloat16, enabled=quick):
        logits = net(inputs)
    return F.cross_entropy(logits.float(), targets)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror_app.bundled.training", description=__doc__)
    number = partial(parser.add_argument, type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=32_000, help="how many are drawn to train on")
    number("--plain", default=3.0, help="epochs on scenes as they are")
    number("--worst", default=3.0, help="epochs on scenes with the worst small change")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "weights" / "shapes.safetensors")
    chosen = parser.parse_args()
    began = time.perf_counter()
    net = train(chosen.seed, chosen.scenes, chosen.plain, chosen.worst)
    minutes = (time.perf_counter() - began) / 60
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.to(memory_format=torch.contiguous_format).state_dict(), chosen.output)
    command = (
        f"{parser.prog} --seed {chosen.seed} --scenes {chosen.scenes} "
        f"--plain {chosen.plain:g} --worst {chosen.worst:g} --output {chosen.output.name}"
    )
    chosen.output.with_suffix(".md").write_text(card.markdown(net, command, minutes), encoding="utf-8")


if __name__ == "__main__":
    main()
