"""The frames that a visualisation yields: raw values, and information about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.visualisations.core.info import Info

__all__ = ["Attribution", "Info", "require_finite"]


@dataclass(frozen=True, init=False)
class Attribution:
    """One frame of a visualisation: its raw values, before they are coloured, and information about them.

    Args:
        raw: The signed values (N, h, w), (N, C, h, w) or (N, C).
        info: Facts about the raw values, as an `Info` or a dictionary, which is turned into an `Info`. The page shows
            the `note` (a sentence that the viewer must know), the `detail` (a few words about what is shown) and the
            `progress` (in [0, 1]).
        maps: Further maps (N, …) by name. They are added to the info that a call returns, without the first axis if
            there is only one picture.

    Example:
        >>> import torch
        >>> from mirror_app.visualisations.core import Attribution, Info
        >>> frame = Attribution(torch.zeros(1, 7, 7), Info(note="All values are zero.", progress=0.5))
        >>> frame.raw.shape, frame.info.progress
        (torch.Size([1, 7, 7]), 0.5)
        >>> Attribution(torch.zeros(1, 7, 7), {"note": "All values are zero."}).info
        Info(note='All values are zero.')
    """

    raw: Tensor
    info: Info
    maps: Mapping[str, Tensor]

    def __init__(
        self, raw: Tensor, info: Mapping[str, Any] | None = None, maps: Mapping[str, Tensor] | None = None
    ) -> None:
        object.__setattr__(self, "raw", raw)
        object.__setattr__(self, "info", Info.of(info or {}))
        object.__setattr__(self, "maps", maps or {})


def require_finite(raw: Tensor, layer: str) -> None:
    """Raise MirrorError if `raw`, the values at `layer`, contains NaN or infinity."""
    if not raw.isfinite().all():
        raise MirrorError(
            f"Values are not finite at the layer '{layer}'", culprit=layer, hint="check the weights for NaN"
        )
