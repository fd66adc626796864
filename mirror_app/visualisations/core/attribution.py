"""What a visualisation yields: raw values, and information about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from mirror_app.errors import MirrorError

Info = dict[str, Any]


@dataclass(frozen=True)
class Attribution:
    """One frame of a visualisation: its raw values, before they are coloured, and information about them.

    Args:
        raw: The signed values (N, h, w), (N, C, h, w) or (N, C).
        info: What there is to know about them. Of its keys the page shows `note`, a sentence that the viewer must
            know; `detail`, a few words about what is shown; and `progress`, in [0, 1].
        maps: Further maps (N, …) by name. They are added to the info that a call returns, without N if there is one
            picture.

    Example:
        >>> import torch
        >>> from mirror_app.visualisations.core import Attribution
        >>> frame = Attribution(torch.zeros(1, 7, 7), {"note": "All values are zero.", "progress": 0.5})
        >>> frame.raw.shape
        torch.Size([1, 7, 7])
    """

    raw: Tensor
    info: Info = field(default_factory=dict)
    maps: Mapping[str, Tensor] = field(default_factory=dict)


def require_finite(raw: Tensor, layer: str) -> None:
    """Raise MirrorError if `raw`, the values at `layer`, contains NaN or infinity."""
    if not raw.isfinite().all():
        raise MirrorError(
            f"Values are not finite at the layer '{layer}'", culprit=layer, hint="check the weights for NaN"
        )
