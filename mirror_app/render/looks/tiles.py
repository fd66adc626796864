"""Feature maps as pictures, one picture per map."""

from typing import Annotated

from torch import Tensor

from mirror_app.params import Dropdown, Radio, Value
from mirror_app.precision import share_of
from mirror_app.render.colormaps import SEQUENTIAL, colourise
from mirror_app.render.looks.look import look

ORDERS = ("by number", "strongest first")


def indices_by_peak(raw: Tensor) -> Tensor:
    """Return the order of maps by their largest values.

    Args:
        raw: Feature maps (N, C, h, w), or vectors (N, C).

    Returns:
        The indices (N · C,) of the maps, or of the entries of the vectors, starting with the largest value.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> render.indices_by_peak(torch.tensor([[1.0, 5.0, 3.0]]))
        tensor([1, 2, 0])
    """
    return raw.flatten(0, 1).reshape(raw.shape[0] * raw.shape[1], -1).amax(1).argsort(descending=True, stable=True)


def _order(raw: Tensor, *, order: str, **_unused: Value) -> Tensor | None:
    return indices_by_peak(raw) if order != ORDERS[0] else None


@look(order=_order)
def tiles(
    raw: Tensor,
    picture: Tensor,
    *,
    scale: Annotated[
        str,
        Radio(
            "Scaling each map to its own range also shows faint maps; one scale for all maps makes them comparable.",
            "Brightness",
            options=("each map", "all maps"),
        ),
    ] = "each map",
    order: Annotated[
        str,
        Radio(
            "By map number, or strongest first: the maps with the largest values on this picture come first.",
            options=ORDERS,
        ),
    ] = ORDERS[0],
    colours: Annotated[
        str, Dropdown("viridis is perceptually uniform and colour-blind safe.", options=SEQUENTIAL)
    ] = "viridis",
) -> Tensor:
    """Return every feature map as a picture of its own.

    Args:
        raw: Feature maps (N, C, h, w), or vectors (N, C), whose numbers become one pixel each.
        picture: Not used.
        scale: "each map" stretches each map to its own range, and "all maps" stretches all maps to a common range.
            Vectors are always stretched to a common range.
        order: "by number", or "strongest first": the maps with the largest values come first.
        colours: A sequential colour map.

    Returns:
        The pictures, (N · C, 3, h, w).

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> maps = torch.arange(8.0).view(1, 2, 2, 2)
        >>> render.tiles(maps, maps, colours="grey")[:, 0, 1, 1]
        tensor([1., 1.])
    """
    maps = raw.flatten(0, 1) if raw.ndim == 4 else raw.reshape(-1, 1, 1)
    numbers = _order(raw, order=order)
    if numbers is not None:
        maps = maps[numbers]
    shared = (0, 1, 2) if scale == "all maps" or raw.ndim == 2 else (1, 2)
    low, high = maps.amin(shared, keepdim=True), maps.amax(shared, keepdim=True)
    return colourise(share_of(maps - low, high - low), colours)
