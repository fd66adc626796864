"""The costliest layers of a model: the slowest, the one with most multiply-adds, and the one with most weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mirror_app.layers import Layer
from mirror_app.probe import Cost
from mirror_app.ui.sidebar.selection import short


@dataclass(frozen=True)
class Costliest:
    """The layer that costs most by one measure.

    Args:
        title: What it has most of, as the heading of a tile.
        measure: The name of the measure, as the end of "18% of the".
        layer: The dotted name of the layer.
        value: Its cost, with the unit.
        share: Its share of the cost of the whole model, from 0 to 1.
    """

    title: str
    measure: str
    layer: str
    value: str
    share: float


def costliest(all_layers: Sequence[Layer], costs: Mapping[str, Cost]) -> list[Costliest]:
    """Return the costliest layer by each measure, of the layers that run and contain no other layer that runs.

    A measure that is 0 for the whole model, such as the weights of a model without parameters, is left out.
    """
    measured = [layer for layer in all_layers if layer.name in costs]
    parents = {layer.parent for layer in measured}
    leaves = [layer for layer in measured if layer.name not in parents]

    def most(title: str, measure: str, cost: Callable[[Layer], float], text: Callable[[Layer], str]) -> list[Costliest]:
        layer, total = max(leaves, key=cost), cost(all_layers[0])
        return [Costliest(title, measure, layer.name, text(layer), cost(layer) / total)] if total else []

    return [
        *most(
            "Most time",
            "time",
            lambda layer: costs[layer.name].seconds,
            lambda layer: f"{1000 * costs[layer.name].seconds:.3g} ms",
        ),
        *most(
            "Most multiply-adds",
            "multiply-adds",
            lambda layer: costs[layer.name].multiply_adds,
            lambda layer: short(costs[layer.name].multiply_adds),
        ),
        *most("Most weights", "weights", lambda layer: layer.weights, lambda layer: short(layer.weights)),
    ]
