"""Train the bundled network: `python -m mirror_app.bundled.training`, 15 minutes on two cores with bfloat16.

The network is trained on plain scenes first, then on adversarial scenes, each changed by one gradient step. Adversarial
training makes the network's gradients and class pictures readable: see Engstrom et al. 2019, “Adversarial Robustness as
a Prior for Learned Representations”. In each phase the learning rate rises and falls once.
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
RADIUS = 8.0  # the L2 norm of the adversarial change, in units of normalised inputs


def train(seed: int, count: int, plain_epochs: float, worst_epochs: float) -> ShapesNet:
    """Return a network trained on `count` scenes, for the given numbers of plain and adversarial epochs."""
    torch.manual_seed(seed)
    pictures, targets = _training_data(scenes.TRAINING[seed * count : (seed + 1) * count])
    net = ShapesNet(len(scenes.CLASSES)).to(memory_format=torch.channels_last)
    plain_steps, worst_steps = (int(epochs * count / BATCH) for epochs in (plain_epochs, worst_epochs))
    _train_phase(net, pictures, targets, plain_steps, 4e-3, lambda inputs, target: inputs)
    _train_phase(
        net, pictures, targets, worst_steps, 2e-3, lambda inputs, target: inputs + worst_change(net, inputs, target)
    )
    return net.eval()


def _train_phase(net: nn.Module, pictures: Tensor, targets: Tensor, steps: int, rate: float, change: Change) -> None:
    """Train for `steps` steps on changed batches; the learning rate rises to `rate` and falls to zero."""
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.15)
    began = time.perf_counter()
    for step in range(steps):
        chosen = torch.randint(len(pictures), (BATCH,))
        inputs = change(dataset.normalise(pictures[chosen]), targets[chosen])
        loss = _loss(net.train(), inputs, targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"{step}/{steps}  loss {loss.item():.3f}  {time.perf_counter() - began:.0f} s", flush=True)


def worst_change(net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the change of `inputs` that increases the loss most steeply, with L2 norm RADIUS per item."""
    leaf = inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_loss(net, leaf, targets), leaf)
    return F.normalize(gradient.flatten(1), dim=1).reshape_as(inputs) * RADIUS


def _training_data(seeds: range) -> tuple[Tensor, Tensor]:
    """Return scenes, three in four with one object and the others with two, and the shares of the classes in each."""
    parts = [dataset.draw(seeds[: len(seeds) * 3 // 4], 1), dataset.draw(seeds[len(seeds) * 3 // 4 :], 2)]
    shares = [F.one_hot(labels, len(scenes.CLASSES)).float().mean(1) for _, labels in parts]
    return torch.cat([pictures for pictures, _ in parts]), torch.cat(shares)


def _loss(net: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    # Where bfloat16 is emulated, training with it is ten times slower.
    is_fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with torch.autocast("cpu", torch.bfloat16, enabled=is_fast):
        logits = net(inputs)
    return F.cross_entropy(logits.float(), targets)


def main() -> None:
    """Train a network and write its weights and its card."""
    parser = argparse.ArgumentParser(prog="python -m mirror_app.bundled.training", description=__doc__)
    number = partial(parser.add_argument, type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=32_000, help="the number of scenes to train on")
    number("--plain", default=3.0, help="epochs on plain scenes")
    number("--worst", default=3.0, help="epochs on adversarial scenes")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "weights" / "shapes.safetensors")
    options = parser.parse_args()
    began = time.perf_counter()
    net = train(options.seed, options.scenes, options.plain, options.worst)
    minutes = (time.perf_counter() - began) / 60
    options.output.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.to(memory_format=torch.contiguous_format).state_dict(), options.output)
    command = (
        f"{parser.prog} --seed {options.seed} --scenes {options.scenes} "
        f"--plain {options.plain:g} --worst {options.worst:g} --output {options.output.name}"
    )
    options.output.with_suffix(".md").write_text(card.markdown(net, command, minutes), encoding="utf-8")


if __name__ == "__main__":
    main()
