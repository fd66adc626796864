"""The network as a graph of boxes: a container is a single box unless the chosen layer is inside it."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence

from mirror_app.layers import Layer

_GRAPH = 'bgcolor="transparent"; rankdir=TB; nodesep=0.25; ranksep=0.17; fontname="sans-serif"; fontcolor="#8a84a0"'
_SHAPE = 'shape=box; height=0.28; margin="0.17,0.04"; style="rounded,filled"'
_NODE = f'{_SHAPE}; color="#8a6fd6"; fillcolor="#f6f3fd"; fontsize=13'
_LETTER_WIDTH = 8  # points; the approximate width of a letter in the label of a frame

MAX_EDGES_PER_BOX = 3
TINTS = 5  # how many shades of the boxes tell their shares of the time apart


def visible_boxes(all_layers: Sequence[Layer], chosen: str) -> list[str]:
    """Return the names of the layers drawn as boxes when `chosen` is selected: layers that run, none inside another.

    `chosen` and its ancestors are expanded, and so are containers that are never called, such as a ModuleList.
    """
    expanded = {"", chosen, *(chosen[:position] for position, letter in enumerate(chosen) if letter == ".")}
    parents = {layer.parent for layer in all_layers}
    boxes = []

    def visit(layer: Layer) -> None:
        if (layer.name in expanded or layer.call is None) and layer.name in parents:
            for child in all_layers:
                if child.parent == layer.name:
                    visit(child)
        elif layer.call is not None:
            boxes.append(layer.name)

    visit(all_layers[0])
    return boxes


def is_crowded(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> bool:
    """Return whether there are too many edges to tell apart: in a dense block, each layer feeds all later ones."""
    return len(edges) > MAX_EDGES_PER_BOX * len(boxes)


def nearest_edges(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return, for each box, only the edge from its latest source. `boxes` are in the order in which they run."""
    position = {name: number for number, name in enumerate(boxes)}
    source_of = {target: source for source, target in sorted(edges, key=lambda edge: position.get(edge[0], -1))}
    return [(source, target) for target, source in source_of.items()]


def to_dot(
    all_layers: Sequence[Layer],
    boxes: Sequence[str],
    edges: Iterable[tuple[str, str]],
    chosen: str,
    shares: Mapping[str, float],
) -> str:
    """Return the graph in Graphviz's language: boxes in frames for their containers, and edges where data flows.

    The class of each box, from "tint-0" to "tint-4", says how its share of the time compares with the greatest one.
    """
    tints = _tints(shares)
    boxes_in = {layer.name: [box for box in boxes if _is_inside(box, layer.name)] for layer in all_layers}

    def statements(container: str) -> list[str]:
        lines = []
        for layer in all_layers:
            if layer.parent != container:
                continue
            if layer.name in boxes:
                classes = [f"tint-{tints.get(layer.name, 0)}", *(["chosen"] if layer.name == chosen else [])]
                lines.append(_box(layer, " ".join(classes)))
            elif boxes_in[layer.name]:
                title = f"label={_title(layer.name)}; labeljust=l; style=rounded; "
                frame = 'penwidth=2; color="#6d3bd4"' if layer.name == chosen else 'color="#8a84a0"'
                cluster = json.dumps(f"cluster {layer.name}")
                lines += [f"subgraph {cluster} {{ {title}{frame}", *statements(layer.name), "}"]
        return lines

    arrows = [f"{json.dumps(source)} -> {json.dumps(target)}" for source, target in edges]
    head = [f"digraph {{ {_GRAPH}", f"node [{_NODE}]", 'edge [color="#8a84a0"; arrowsize=0.6]']
    return "\n".join([*head, *statements(""), *arrows, "}"])


def _tints(shares: Mapping[str, float]) -> dict[str, int]:
    """Return the number of the tint of each box: the greatest share has the strongest one."""
    greatest = max(shares.values(), default=0.0) or 1.0
    return {name: min(TINTS - 1, int(TINTS * share / greatest)) for name, share in shares.items()}


def _box(layer: Layer, classes: str) -> str:
    shape = "×".join(map(str, layer.call.shape)) if layer.call and layer.call.shape else ""
    label = " · ".join(filter(None, (f"{layer.label}: {layer.type}", shape)))
    return f'{json.dumps(layer.name)} [label={json.dumps(label, ensure_ascii=False)}; class="{classes}"]'


def _title(name: str) -> str:
    """Return the label of a frame.

    The label is padded on the right to twice its width, so that arrows, which enter in the middle of the frame, do not
    cross the text.
    """
    cell = f'<td align="left" width="{2 * _LETTER_WIDTH * len(name)}">{html.escape(name)}</td>'
    return f'<<table border="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _is_inside(name: str, container: str) -> bool:
    return name.startswith(f"{container}.") if container else name != ""
