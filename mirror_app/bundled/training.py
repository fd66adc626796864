"""Train a bundled network: `python -m mirror_app.bundled.training`, 15 minutes on two cores with bfloat16.

`--network shapes-transformer` trains the transformer, which takes 55 minutes. It is trained on plain scenes only. The
convolutional network is trained on plain scenes first, then on adversarial scenes, each changed by one gradient step.
Adversarial training makes the network's gradients and class pictures readable: see Engstrom et al. 2019, “Adversarial
Robustness as a Prior for Learned Representations”. In each phase the learning rate rises and falls once.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.bundled import card, dataset, scenes
from mirror_app.bundled.network import ShapesNet
from mirror_app.bundled.transformer import ShapesTransformer

BATCH = 64
Change = Callable[[Tensor, Tensor], Tensor]  # (inputs, targets) -> inputs
RADIUS = 8.0  # the L2 norm of the adversarial change, in units of normalised inputs


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: the scenes, the plain and adversarial epochs, and the highest learning rate."""

    build: Callable[[], nn.Module]
    scenes: int
    plain_epochs: float
    worst_epochs: float
    rate: float


RECIPES = {
    "shapes": Recipe(ShapesNet, scenes=32_000, plain_epochs=3, worst_epochs=3, rate=4e-3),
    "shapes-transformer": Recipe(ShapesTransformer, scenes=64_000, plain_epochs=5, worst_epochs=0, rate=1e-3),
}


def train(recipe: Recipe, seed: int) -> nn.Module:
    """Return a network trained by `recipe`; each seed draws other scenes and other initial weights."""
    torch.manual_seed(seed)
    pictures, targets = _training_data(scenes.TRAINING[seed * recipe.scenes : (seed + 1) * recipe.scenes])
    net = recipe.build().to(memory_format=torch.channels_last)
    plain_steps, worst_steps = (
        int(epochs * recipe.scenes / BATCH) for epochs in (recipe.plain_epochs, recipe.worst_epochs)
    )
    _train_phase(net, pictures, targets, plain_steps, recipe.rate, lambda inputs, target: inputs)
    if not worst_steps:
        return net.eval()
    _train_phase(
        net,
        pictures,
        targets,
        worst_steps,
        recipe.rate / 2,
        lambda inputs, target: inputs + worst_change(net, inputs, target),
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
    """Return scenes, three in four with one object and the others with two, and for each the share of every class."""
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
    parser.add_argument("--network", choices=RECIPES, default="shapes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, help="the number of scenes to train on")
    parser.add_argument("--plain", dest="plain_epochs", type=float, help="epochs on plain scenes")
    parser.add_argument("--worst", dest="worst_epochs", type=float, help="epochs on adversarial scenes")
    parser.add_argument("--output", type=Path, help="the file for the weights")
    options = parser.parse_args()
    recipe = RECIPES[options.network]
    changes = {name: getattr(options, name) for name in ("scenes", "plain_epochs", "worst_epochs")}
    recipe = replace(recipe, **{name: value for name, value in changes.items() if value is not None})
    output = options.output or Path(__file__).parent / "weights" / f"{options.network}.safetensors"
    began = time.perf_counter()
    net = train(recipe, options.seed)
    minutes = (time.perf_counter() - began) / 60
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(net.to(memory_format=torch.contiguous_format).state_dict(), output)
    command = (
        f"{parser.prog} --network {options.network} --seed {options.seed} --scenes {recipe.scenes} "
        f"--plain {recipe.plain_epochs:g} --worst {recipe.worst_epochs:g} --output {output.name}"
    )
    output.with_suffix(".md").write_text(card.markdown(net, command, minutes), encoding="utf-8")


if __name__ == "__main__":
    main()
