"""Colour maps: functions from numbers in [0, 1] to colours."""

import torch
from torch import Tensor

# Colours at equal steps. viridis and inferno: S. van der Walt and N. Smith, CC0; blue-red and purple-orange:
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
DIVERGING = ("blue-red", "purple-orange")  # the middle is zero


def colourise(values: Tensor, colours: str) -> Tensor:
    """Return numbers in the colours of a colour map.

    Args:
        values: The numbers, (N, H, W). Those outside [0, 1] get the first or the last colour.
        colours: The name of a colour map, from `SEQUENTIAL` or `DIVERGING`.

    Returns:
        The colours, (N, 3, H, W), in [0, 1].

    Example:
        >>> import torch
        >>> from mirror_app.render.colormaps import colourise
        >>> colourise(torch.tensor([[[0.0, 0.5]]]), "grey")[0, :, 0].T
        tensor([[0.0000, 0.0000, 0.0000],
                [0.5000, 0.5000, 0.5000]])
    """
    anchors = torch.tensor([list(bytes.fromhex(code)) for code in _ANCHORS[colours].split()]).to(values) / 255
    position = values.clamp(0, 1) * (len(anchors) - 1)
    lower = position.floor().long().clamp(max=len(anchors) - 2)
    return torch.lerp(anchors[lower], anchors[lower + 1], (position - lower)[..., None]).movedim(-1, 1)


def css(colours: str) -> tuple[str, ...]:
    """Return the colours of a colour map at equal steps, as CSS hex codes."""
    return tuple(f"#{code}" for code in _ANCHORS[colours].split())
