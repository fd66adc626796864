"""What happens to the answer when the pixels that are said to matter go, or come.

Petsiuk et al. 2018, «RISE», https://arxiv.org/abs/1806.07421.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.optim import operators
from mirror_app.precision import widened
from mirror_app.probe.output_kind import OutputKind

BATCH = 16
SOON = 0.1  # of the pixels


def deletion(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    evidence: Tensor,
    target: int,
    steps: int,
    kind: OutputKind = OutputKind.CLASSES,
) -> Tensor:
    """Return the probability of `target` while pixels become 0, the mean colour, those of most evidence first.

    inputs: one picture (1, C, H, W), and its evidence (H, W). The curve (steps + 1,) begins with the whole picture and
    ends with none of it. A small `area` below it is good. `kind` says how the model's numbers (N, K) become
    probabilities; raises MirrorError where they do not.
    """
    return _probabilities(model, _mixed(torch.zeros_like(inputs), inputs, evidence, steps), target, kind)


def insertion(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    evidence: Tensor,
    target: int,
    steps: int,
    kind: OutputKind = OutputKind.CLASSES,
) -> Tensor:
    """Return the probability of `target` while pixels come back into the blurred picture; else as `deletion`.

    The blur is Gaussian, with a sixteenth of the longer side for its standard deviation. A large `area` is good.
    """
    blurred = operators.blur(max(inputs.shape[2:]) / 16)(inputs)
    return _probabilities(model, _mixed(inputs, blurred, evidence, steps), target, kind)


def ends_at_once(deleted: Tensor) -> bool:
    """Tell whether half of the probability is gone with the first tenth of the pixels."""
    return bool((_soon(deleted) < deleted[0] / 2).any())


def returns_at_once(inserted: Tensor) -> bool:
    """Tell whether half of the probability is back with the first tenth of the pixels, or was never gone."""
    return bool((_soon(inserted) > inserted[-1] / 2).any())


def area(curve: Tensor) -> float:
    """Return the area below a curve over the share of pixels, from 0 to 1, by the trapezoid rule."""
    return float(torch.trapezoid(curve) / (len(curve) - 1))


def _soon(curve: Tensor) -> Tensor:
    return curve[: 1 + int(SOON * (len(curve) - 1))]


def _mixed(first: Tensor, then: Tensor, evidence: Tensor, steps: int) -> Tensor:
    """Return pictures (steps + 1, C, H, W) in which more and more pixels, by evidence, are those of `first`."""
    order = evidence.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    taken = torch.linspace(0, len(order), steps + 1, device=order.device).round()
    chosen = rank.view(1, 1, *evidence.shape) < taken[:, None, None, None]
    return torch.where(chosen, first, then)


def _probabilities(model: Callable[[Tensor], Tensor], pictures: Tensor, target: int, kind: OutputKind) -> Tensor:
    if not kind.has_probabilities:
        raise MirrorError(
            f"Deletion and insertion measure a probability, and the model's output, {kind}, has none: there is no "
            "scale from 0 to 1 on which its numbers fall and rise."
        )
    with torch.no_grad():
        return torch.cat([kind.likelihood(widened(model(part)))[:, target] for part in pictures.split(BATCH)])
