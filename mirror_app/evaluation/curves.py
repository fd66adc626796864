"""Curves of a probability while pixels are removed or restored in the order of their evidence.

References:
    V. Petsiuk, A. Das and K. Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,
    https://arxiv.org/abs/1806.07421 (deletion and insertion).

    Y. Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", 2022,
    https://arxiv.org/abs/2202.00449 (ROAD).
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
EARLY = 0.1  # changes within this first share of the pixels count as early
ROAD_SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)  # shares of the pixels that are removed
ROAD_NOISE = 0.01


def deletion(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    evidence: Tensor,
    target: int,
    steps: int,
    kind: OutputKind = OutputKind.CLASSES,
) -> Tensor:
    """Return the probability of a class while pixels are set to 0, starting with the most evidence.

    In normalised inputs, 0 is the mean colour. A small `area` under the curve is good: the probability falls quickly.

    Args:
        model: A function from inputs (N, C, H, W) to numbers (N, K).
        inputs: The picture, (1, C, H, W), as the model takes it.
        evidence: The evidence for the class, (H, W). Ties are removed in reading order.
        target: The number of the class, from 0 to K - 1.
        steps: The number of equal steps from the whole picture to an empty one.
        kind: The kind of the model's numbers, which decides how they become probabilities.

    Returns:
        The curve, (steps + 1,): the probability with 0, 1/steps, ..., 1 of the pixels removed.

    Raises:
        MirrorError: Numbers of that kind have no probabilities.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import deletion
        >>> model = lambda inputs: torch.stack([inputs.sum((1, 2, 3)), torch.zeros(len(inputs))], 1)
        >>> picture = torch.tensor([2.0, 0, 0, 0]).view(1, 1, 2, 2)
        >>> deletion(model, picture, picture[0, 0], target=0, steps=4)
        tensor([0.8808, 0.5000, 0.5000, 0.5000, 0.5000])

    References:
        Petsiuk et al., "RISE", 2018, https://arxiv.org/abs/1806.07421.
    """
    pictures = torch.where(_first_pixels(evidence, _equal_shares(steps)), torch.zeros_like(inputs), inputs)
    return _probabilities(model, pictures, target, kind)


def insertion(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    evidence: Tensor,
    target: int,
    steps: int,
    kind: OutputKind = OutputKind.CLASSES,
) -> Tensor:
    """Return the probability of a class while a blurred picture is restored, starting with the most evidence.

    The blur is Gaussian. Its standard deviation is a sixteenth of the longer side. A large `area` under the curve is
    good: the probability rises quickly.

    Args:
        model: A function from inputs (N, C, H, W) to numbers (N, K).
        inputs: The picture, (1, C, H, W), as the model takes it.
        evidence: The evidence for the class, (H, W). Ties are restored in reading order.
        target: The number of the class, from 0 to K - 1.
        steps: The number of equal steps from the blurred picture to the whole one.
        kind: The kind of the model's numbers, which decides how they become probabilities.

    Returns:
        The curve, (steps + 1,): the probability with 0, 1/steps, ..., 1 of the pixels restored.

    Raises:
        MirrorError: Numbers of that kind have no probabilities.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import insertion
        >>> model = lambda inputs: torch.stack([inputs[:, 0, 4, 4], torch.zeros(len(inputs))], 1)
        >>> picture = torch.zeros(1, 1, 32, 32)
        >>> picture[0, 0, 4, 4] = 2
        >>> curve = insertion(model, picture, picture[0, 0], target=0, steps=4)
        >>> bool(curve[0] < curve[1]), curve[1:]
        (True, tensor([0.8808, 0.8808, 0.8808, 0.8808]))

    References:
        Petsiuk et al., "RISE", 2018, https://arxiv.org/abs/1806.07421.
    """
    blurred = operators.blur(max(inputs.shape[2:]) / 16)(inputs)
    pictures = torch.where(_first_pixels(evidence, _equal_shares(steps)), inputs, blurred)
    return _probabilities(model, pictures, target, kind)


def road(
    model: Callable[[Tensor], Tensor],
    inputs: Tensor,
    evidence: Tensor,
    target: int,
    kind: OutputKind = OutputKind.CLASSES,
) -> Tensor:
    """Return the probability of a class while pixels are filled in from their neighbours (ROAD).

    As in the paper, a little noise, always the same, is added to the pixels that are filled in, so that their
    smoothness does not give them away. There are two curves: for one, the pixels with the most evidence are filled in
    first; for the other, those with the least. The second should lie above the first: the further, the better.

    Args:
        model: A function from inputs (N, C, H, W) to numbers (N, K).
        inputs: The picture, (1, C, H, W), as the model takes it.
        evidence: The evidence for the class, (H, W).
        target: The number of the class, from 0 to K - 1.
        kind: The kind of the model's numbers, which decides how they become probabilities.

    Returns:
        Two curves, (2, S), at the S shares of removed pixels in `ROAD_SHARES`. The first curve removes the pixels
        with the most evidence first, and the second removes those with the least evidence first.

    Raises:
        MirrorError: Numbers of that kind have no probabilities.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import road
        >>> model = lambda inputs: torch.stack([inputs[:, 0, 4, 4], torch.zeros(len(inputs))], 1)
        >>> picture = torch.zeros(1, 1, 32, 32)
        >>> picture[0, 0, 4, 4] = 2
        >>> most_first, least_first = road(model, picture, picture[0, 0], target=0)
        >>> bool(most_first[1] < least_first[1])
        True

    References:
        Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", 2022,
        https://arxiv.org/abs/2202.00449.
    """
    shares = torch.tensor(ROAD_SHARES, dtype=torch.float64)
    removed = torch.cat([_first_pixels(evidence, shares), _first_pixels(-evidence, shares)])
    noise = torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32).to(inputs.device)
    filled = impute(widened(inputs).expand(len(removed), -1, -1, -1), removed)
    pictures = torch.where(removed, filled + ROAD_NOISE * noise, inputs).to(inputs.dtype)
    return _probabilities(model, pictures, target, kind).view(2, -1)


def drops_early(deletion_curve: Tensor, shares: Sequence[float] = ()) -> bool:
    """Tell whether removing the first tenth of the pixels removes more than half of the probability.

    Args:
        deletion_curve: The probability while pixels are removed, (S,).
        shares: The shares of removed pixels at which the curve was measured, as in `area`.

    Returns:
        Whether the class depends on a few pixels, so that deletion says little about the order of the pixels.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import drops_early
        >>> drops_early(torch.tensor([0.9, 0.3, 0.1]), shares=[0, 0.1, 1])
        True
    """
    return bool((_early_part(deletion_curve, shares) < deletion_curve[0] / 2).any())


def recovers_early(insertion_curve: Tensor, shares: Sequence[float] = ()) -> bool:
    """Tell whether restoring the first tenth of the pixels brings back more than half of the probability.

    This is also true if blurring never removed half of the probability in the first place.

    Args:
        insertion_curve: The probability while pixels are restored, (S,).
        shares: The shares of restored pixels at which the curve was measured, as in `area`.

    Returns:
        Whether a few pixels are enough for the class, so that insertion says little about the order of the pixels.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import recovers_early
        >>> recovers_early(torch.tensor([0.1, 0.2, 0.9]), shares=[0, 0.1, 1])
        False
    """
    return bool((_early_part(insertion_curve, shares) > insertion_curve[-1] / 2).any())


def area(curve: Tensor, shares: Sequence[float] = ()) -> float:
    """Return the mean of a curve over the share of pixels, by the trapezoidal rule.

    Args:
        curve: The values of the curve, (S,).
        shares: The shares of the pixels at which the curve was measured, increasing, in [0, 1]. By default, equal steps
            from 0 to 1.

    Returns:
        The mean, in the unit of the curve.

    Example:
        >>> import torch
        >>> from mirror_app.evaluation import area
        >>> area(torch.tensor([0.0, 0.5, 1.0]))
        0.5
    """
    positions = _positions(curve, shares)
    return float(torch.trapezoid(curve, positions) / (positions[-1] - positions[0]))


def _positions(curve: Tensor, shares: Sequence[float]) -> Tensor:
    """Return the shares of the pixels at which `curve` was measured, (S,)."""
    positions = torch.tensor(shares, dtype=torch.float64) if shares else _equal_shares(len(curve) - 1)
    return positions.to(curve.device)


def _early_part(curve: Tensor, shares: Sequence[float]) -> Tensor:
    return curve[_positions(curve, shares) <= EARLY]


def _equal_shares(steps: int) -> Tensor:
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64)


def _first_pixels(evidence: Tensor, shares: Tensor) -> Tensor:
    """Return S masks, (S, 1, H, W): each selects the given share of the pixels, starting with the most evidence."""
    order = evidence.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device)
    counts = (shares.to(order.device) * len(order)).round()
    return rank.view(1, 1, *evidence.shape) < counts[:, None, None, None]


def _probabilities(model: Callable[[Tensor], Tensor], pictures: Tensor, target: int, kind: OutputKind) -> Tensor:
    if not kind.has_probabilities:
        raise MirrorError(
            f"Deletion and insertion measure a probability, but the model's output ({kind}) has none",
            culprit=kind,
            hint="choose a model that gives classes or labels",
        )
    with torch.no_grad():
        return torch.cat([kind.likelihood(widened(model(part)))[:, target] for part in pictures.split(BATCH)])
