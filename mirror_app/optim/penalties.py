"""What a picture should have little of: objectives (N,) on the pixels alone, to be subtracted with a weight."""

from mirror_app.optim.objectives import Objective


def total_variation() -> Objective:
    """The sum of squared differences between neighbours, down and across: large for noise, small for what is smooth.

    Mahendran and Vedaldi 2015, with β = 2.
    """
    return Objective(lambda forward: sum(forward.pixels.diff(dim=side).pow(2).flatten(1).sum(1) for side in (2, 3)))  # type: ignore[arg-type,return-value]


def l1() -> Objective:
    """The sum of distances from mid-grey: leaves most pixels grey."""
    return Objective(lambda forward: (forward.pixels - 0.5).abs().flatten(1).sum(1))


def l2() -> Objective:
    """The sum of squared distances from mid-grey: leaves no pixel far from it (Simonyan et al. 2014)."""
    return Objective(lambda forward: (forward.pixels - 0.5).pow(2).flatten(1).sum(1))
