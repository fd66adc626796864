"""The network as a graph: its layers as boxes, folded but for those around the one that is chosen."""

import html
import json
from collections.abc import Iterable, Sequence

from mirror_app.layers import Layer

_GRAPH = 'bgcolor="transparent"; rankdir=TB; nodesep=0.25; ranksep=0.3; fontname="sans-serif"; fontcolor="#8a84a0"'
_NODE = 'shape=box; style="rounded,filled"; color="#8a6fd6"; fillcolor="#ede7fb"; fontcolor="#221d33"; fontsize=11'
_CHOSEN = 'fillcolor="#6d3bd4"; fontcolor="#ffffff"; class="chosen"'
_LETTER = 8  # points: how wide a letter of a frame's label is, about

CROWDED = 3  # edges for each box


def unfolded(listed: Sequence[Layer], chosen: str) -> list[str]:
    """Return the layers that are boxes when `chosen` is looked at: none lies in another, and all of them run.

    The containers around `chosen`, and itself, are unfolded; so is what never runs itself, such as a ModuleList.
    """
    around = {"", chosen, *(chosen[:place] for place, letter in enumerate(chosen) if letter == ".")}
    parents = {layer.parent for layer in listed}
    boxes = []

    def visit(layer: Layer) -> None:
        if (layer.name in around or layer.call is None) and layer.name in parents:
            for child in listed:
                if child.parent == layer.name:
                    visit(child)
        elif layer.call is not None:
            boxes.append(layer.name)

    visit(listed[0])
    return boxes


def crowded(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> bool:
    """Return whether there are more edges than one can tell apart: in a dense block each gives to all that follow."""
    return len(edges) > CROWDED * len(boxes)


def nearest(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return of the edges to each box only the one from the last that runs before it; `boxes` in the order they run."""
    place = {name: number for number, name in enumerate(boxes)}
    givers = {taker: giver for giver, taker in sorted(edges, key=lambda edge: place.get(edge[0], -1))}
    return [(giver, taker) for taker, giver in givers.items()]


def dot(listed: Sequence[Layer], boxes: Sequence[str], edges: Iterable[tuple[str, str]], chosen: str) -> str:
    """Return the graph in Graphviz's language: boxes inside their containers, and edges where data flows."""
    found = {layer.name: layer for layer in listed}
    inside = {name: [box for box in boxes if _within(box, name)] for name in found}

    def lines(container: str) -> list[str]:
        written = []
        for layer in listed:
            if layer.parent != container:
                continue
            if layer.name in boxes:
                written.append(_box(layer, layer.name == chosen))
            elif inside[layer.name]:
                title = f"label={_title(layer.name)}; labeljust=l; style=rounded; "
                frame = 'penwidth=2; color="#6d3bd4"' if layer.name == chosen else 'color="#8a84a0"'
                cluster = json.dumps(f"cluster {layer.name}")
                written += [f"subgraph {cluster} {{ {title}{frame}", *lines(layer.name), "}"]
        return written

    arrows = [f"{json.dumps(giver)} -> {json.dumps(taker)}" for giver, taker in edges]
    head = [f"digraph {{ {_GRAPH}", f"node [{_NODE}]", 'edge [color="#8a84a0"; arrowsize=0.6]']
    return "\n".join([*head, *lines(""), *arrows, "}"])


def _box(layer: Layer, chosen: bool) -> str:
    shape = " × ".join(map(str, layer.call.shape)) if layer.call and layer.call.shape else ""
    label = "\n".join(filter(None, (f"{layer.label}: {layer.type}", shape)))
    return f"{json.dumps(layer.name)} [label={json.dumps(label, ensure_ascii=False)}{f'; {_CHOSEN}' if chosen else ''}]"


def _title(name: str) -> str:
    """Return the label of a frame, with as much room to its right: arrows enter in the middle."""
    cell = f'<td align="left" width="{2 * _LETTER * len(name)}">{html.escape(name)}</td>'
    return f'<<table border="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _within(name: str, container: str) -> bool:
    return name.startswith(f"{container}.") if container else name != ""
