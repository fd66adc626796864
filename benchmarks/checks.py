"""What it costs to know that a model is left alone: the share of the checks in a Grad-CAM whose view is warm."""

import cProfile
import pstats
from pathlib import Path
from statistics import median

import torch
import torchvision

from mirror_app.visualisations.core import GradCam

RUNS = 7
# The outermost functions that see to it that the model is left alone and followed, by their file and name.
CHECKS = {
    ("view.py", "follow"),
    ("view.py", "learn"),
    ("view.py", "accept"),
    ("view.py", "notes"),
    ("view.py", "_require_gradient"),
    ("clone.py", "restored"),
    ("outputs.py", "as_dicts"),
    ("default_layer.py", "layout"),
    ("base.py", "require_finite"),
}


def share() -> tuple[float, float]:
    """Return the seconds of a warm Grad-CAM of ResNet-50 at `layer4`, and the share of the checks in them."""
    torch.manual_seed(0)
    grad_cam = GradCam(torchvision.models.resnet50().eval())
    picture = torch.randn(1, 3, 224, 224)
    grad_cam(picture, "layer4")
    measured = [_profiled(grad_cam, picture) for _ in range(RUNS)]
    return median(whole for whole, _ in measured), median(checks / whole for whole, checks in measured)


def _profiled(grad_cam: GradCam, picture: torch.Tensor) -> tuple[float, float]:
    profile = cProfile.Profile()
    profile.runcall(grad_cam, picture, "layer4")
    stats = pstats.Stats(profile)
    spans: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    checks = [span[3] for (file, _, name), span in spans.items() if (Path(file).name, name) in CHECKS]
    return stats.total_tt, sum(checks)  # type: ignore[attr-defined]
