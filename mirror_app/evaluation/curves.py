"""What happens to the answer when the pixels that are said to matter go, or come.

Deletion and insertion: Petsiuk et al. 2018, "RISE", https://arxiv.org/abs/1806.07421.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.evaluation.imputation import impute
from mirror_app.optim import operators
from mirror_app.precision import widened
from mirror_app.probe.output_kind import OutputKind

BATCH = 16
SOON = 0.1  # of the pixels
ROAD_SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # of the pixels
ROAD_NOISE = 0.01


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
    pictures = torch.where(_first(evidence, _shares(steps)), torch.zeros_like(inputs), inputs)
    return _probabilities(model, pictures, target, kind)


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
    return _probabilities(model, torch.where(_first(evidence, _shares(steps)), inputs, blurred), target, kind)


def road(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    evidence: Tensor,
    target: int,
    kind: OutputKind = OutputKind.CLASSES,
) -> Tensor:
    """Return the probability of `target` (2, S) while pixels are filled in from their neighbours.

    In the first row the pixels of most evidence go first, in the second those of least; S are the `ROAD_SHARES`. The
    larger the second minus the first, the better. As in the paper, a little noise, always the same, is added to the
    filled-in pixels, so that their smoothness does not give them away. Otherwise as `deletion`.

    Rong et al. 2022, https://arxiv.org/abs/2202.00449.
    """
    shares = torch.tensor(ROAD_SHARES, dtype=torch.float64)
    removed = torch.cat([_first(evidence, shares), _first(-evidence, shares)])
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32).to(inputs.device)
    filled = impute(widened(inputs).expand(len(removed), -1, -1, -1), removed)
    pictures = torch.where(removed, filled + ROAD_NOISE * noise, inputs).to(inputs.dtype)
    return _probabilities(model, pictures, target, kind).view(2, -1)


def drops_early(deleted: Tensor, shares: Sequence[float] = ()) -> bool:
    """Tell whether half of the probability is gone with the first tenth of the pixels; `shares` as in `area`."""
    return bool((_soon(deleted, shares) < deleted[0] / 2).any())


def recovers_early(inserted: Tensor, shares: Sequence[float] = ()) -> bool:
    """Tell whether half of the probability is back with the first tenth of the pixels, or was never gone."""
    return bool((_soon(inserted, shares) > inserted[-1] / 2).any())


def area(curve: Tensor, shares: Sequence[float] = ()) -> float:
    """Return the mean of a curve over the shares of the pixels, by the trapezoid rule.

    shares: at which it was measured, in [0, 1] and growing; without them, at equal steps from 0 to 1.
    """
    places = _places(curve, shares)
    return float(torch.trapezoid(curve, places) / (places[-1] - places[0]))


def _places(curve: Tensor, shares: Sequence[float]) -> Tensor:
    places = torch.tensor(shares, dtype=torch.float64) if shares else _shares(len(curve) - 1)
    return places.to(curve.device)


def _soon(curve: Tensor, shares: Sequence[float]) -> Tensor:
    return curve[_places(curve, shares) <= SOON]


def _shares(steps: int) -> Tensor:
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64)


def _first(evidence: Tensor, shares: Tensor) -> Tensor:
    """Return which pixels are among the first by evidence (H, W), for each share of all of them: (S, 1, H, W)."""
    order = evidence.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    counts = (shares.to(order.device) * len(order)).round()
    return rank.view(1, 1, *evidence.shape) < counts[:, None, None, None]


def _probabilities(model: Callable[[Tensor], Tensor], pictures: Tensor, target: int, kind: OutputKind) -> Tensor:
    if not kind.has_probabilities:
        raise MirrorError(
            f"Deletion and insertion measure a probability, and the model's output, {kind}, has none: there is no "
            "scale from 0 to 1 on which its numbers fall and rise."
        )
    with torch.no_grad():
        return torch.cat([kind.likelihood(widened(model(part)))[:, target] for part in pictures.split(BATCH)])
