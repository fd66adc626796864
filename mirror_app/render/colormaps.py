"""Colour maps: from numbers in [0, 1] to colours."""

import torch
from torch import Tensor

# Colours at equal distances. viridis and inferno: S. van der Walt and N. Smith, CC0; blue-red and purple-orange:
# C. Brewer's RdBu and PuOr.
_ANCHORS = {
    "viridis": "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c "
    "1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725",
    "inferno": "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 "
    "d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4",
    "grey": "000000 ffffff",
    "jet": "000080 0000ff 0080ff 00ffff 80ff80 ffff00 ff8000 ff0000 800000",
    "blue-red": "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f",
    "purple-orange": "2d004b 542788 8073ac b2abd2 d8daeb f7f7f7 fee0b6 fdb863 e08214 b35806 7f3b08",
}
SEQUENTIAL = ("viridis", "inferno", "grey", "jet")
DIVERGING = ("blue-red", "purple-orange")  # their middle is zero


def colourise(values: Tensor, colours: str) -> Tensor:
    """Return `values` (N, H, W) in [0, 1] in the colours of a colour map: (N, 3, H, W)."""
    anchors = torch.tensor([list(bytes.fromhex(code)) for code in _ANCHORS[colours].split()]).to(values) / 255
    place = values.clamp(0, 1) * (len(anchors) - 1)
    below = place.floor().long().clamp(max=len(anchors) - 2)
    return torch.lerp(anchors[below], anchors[below + 1], (place - below)[..., None]).movedim(-1, 1)


def css(colours: str) -> tuple[str, ...]:
    """Return the colours of a colour map at equal distances, as CSS writes them."""
    return tuple(f"#{code}" for code in _ANCHORS[colours].split())
