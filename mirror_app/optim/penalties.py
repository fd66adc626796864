"""Penalties: objectives (N,) of the pixels alone, to be subtracted with a weight."""

from mirror_app.optim.objectives import Objective


def total_variation() -> Objective:
    """Return the total variation: the sum of squared differences between neighbouring pixels.

    TV = Σ (xᵢ₊₁,ⱼ - xᵢ,ⱼ)² + (xᵢ,ⱼ₊₁ - xᵢ,ⱼ)² over all channels. It is large for noise and small for smooth pictures.

    Returns:
        The objective.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, penalties
        >>> ramp = torch.tensor([[[[0.0, 0.5, 1.0]]]])
        >>> penalties.total_variation()(ForwardPass(ramp, {}))
        tensor([0.5000])

    References:
        Mahendran and Vedaldi 2015, “Understanding Deep Image Representations by Inverting Them”,
        https://arxiv.org/abs/1412.0035, with β = 2.
    """
    return Objective(lambda forward: sum(forward.pixels.diff(dim=side).pow(2).flatten(1).sum(1) for side in (2, 3)))  # type: ignore[arg-type,return-value]


def l1() -> Objective:
    """Return the L1 penalty, Σ |x - ½|: it sets most pixels to mid-grey.

    Returns:
        The objective.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, penalties
        >>> penalties.l1()(ForwardPass(torch.tensor([[[[0.0, 0.5, 1.0]]]]), {}))
        tensor([1.])
    """
    return Objective(lambda forward: (forward.pixels - 0.5).abs().flatten(1).sum(1))


def l2() -> Objective:
    """Return the L2 penalty, Σ (x - ½)²: it keeps every pixel near mid-grey.

    Returns:
        The objective.

    Example:
        >>> import torch
        >>> from mirror_app.optim import ForwardPass, penalties
        >>> penalties.l2()(ForwardPass(torch.tensor([[[[0.0, 0.5, 1.0]]]]), {}))
        tensor([0.5000])

    References:
        Simonyan et al. 2014, “Deep Inside Convolutional Networks”, https://arxiv.org/abs/1312.6034.
    """
    return Objective(lambda forward: (forward.pixels - 0.5).pow(2).flatten(1).sum(1))
