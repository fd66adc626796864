"""The cost of checking that a model is unchanged, as a share of a Grad-CAM on a warm view."""

import cProfile
import inspect
import pstats
from statistics import median

import torch
import torchvision

from mirror_app.probe import View, layout
from mirror_app.probe.clone import Clone
from mirror_app.probe.outputs import as_dicts
from mirror_app.visualisations.core import GradCam
from mirror_app.visualisations.core.attribution import require_finite

RUNS = 7
# The outermost functions that follow changes of the model and undo the changes that a run made to the copy. The
# fingerprints taken before and after each picture are not included.
CHECKS = [
    View.sync,
    View.ensure_observed,
    View.prepare_inputs,
    View.notes.fget,  # type: ignore[attr-defined]
    View._require_gradient,
    Clone.restored,
    as_dicts,
    layout,
    require_finite,
]


def share() -> tuple[float, float]:
    """Return the seconds of a warm Grad-CAM of ResNet-50 at `layer4`, and the share of them that the checks take."""
    torch.manual_seed(0)
    grad_cam = GradCam(torchvision.models.resnet50().eval())
    picture = torch.randn(1, 3, 224, 224)
    grad_cam(picture, "layer4")
    profiles = [_profile(grad_cam, picture) for _ in range(RUNS)]
    return median(total for total, _ in profiles), median(checks / total for total, checks in profiles)


def _profile(grad_cam: GradCam, picture: torch.Tensor) -> tuple[float, float]:
    """Return the duration of a Grad-CAM and of its checks, in seconds.

    Only Python functions are profiled: timing each call of a built-in one would triple the cost of the checks.
    """
    profile = cProfile.Profile(builtins=False)
    profile.runcall(grad_cam, picture, "layer4")
    stats = pstats.Stats(profile)
    spans: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = stats.stats  # type: ignore[attr-defined]
    codes = [inspect.unwrap(check).__code__ for check in CHECKS]
    checks = [spans.get((code.co_filename, code.co_firstlineno, code.co_name), (0, 0, 0, 0))[3] for code in codes]
    return stats.total_tt, sum(checks)  # type: ignore[attr-defined]
