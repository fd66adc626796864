"""The page that the tests of the layer tree and the tiles look at: 712 layers, and two sheets."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from mirror_app.ui.components.layer_tree import layer_tree
from mirror_app.ui.components.tiles import tiles

HOSTILE = "<img src=x onerror=hacked=1>"
DEEP = "features.denseblock3.denselayer24.conv2"

state = st.session_state
state.runs = state.get("runs", 0) + 1
state.setdefault("layer", "features.conv0")
state.setdefault("input", 1)


def node(name: str, kind: str, parent: str | None, reached: bool = True) -> dict[str, object]:
    return {
        "name": name,
        "label": name.rpartition(".")[2] or "densenet",
        "type": kind,
        "shape": "128 × 112 × 112" if reached else "",
        "weights": "36.9 k",
        "reached": reached,
        "parent": parent,
        "note": f"{name}: {kind}",
    }


def densenet() -> list[dict[str, object]]:
    found = [node("", "DenseNet", None)]
    found += [node("features", "Sequential", ""), node("features.conv0", "Conv2d", "features")]
    for block, layers in enumerate((6, 12, 48, 32), 1):
        above = f"features.denseblock{block}"
        found.append(node(above, "_DenseBlock", "features"))
        for layer in range(1, layers + 1):
            name = f"{above}.denselayer{layer}"
            found.append(node(name, "_DenseLayer", above))
            parts = ("norm1", "relu1", "conv1", "norm2", "relu2", "conv2")
            found += [node(f"{name}.{part}", part[:-1].title(), name) for part in parts]
    found += [node(f"features.other{number}", "Identity", "features") for number in range(17)]
    return [*found, node("aux", "Linear", "", reached=False), node(HOSTILE, HOSTILE, "")]


@st.cache_data
def sheet(count: int, columns: int, side: int, noise: int) -> bytes:
    """Return a sheet whose tile n has red 3 n and green 255 - 3 n; noise in the blue makes it heavy."""
    pixels = np.zeros((-(-count // columns) * side, columns * side, 3), np.uint8)
    for number in range(count):
        top, left = number // columns * side, number % columns * side
        pixels[top : top + side, left : left + side] = (number * 3, 255 - number * 3, 128)
    pixels[..., 2] += np.random.default_rng(count).integers(0, noise, pixels.shape[:2], dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def push(name: str) -> None:
    state.layer = name


def pick_input() -> None:
    state.input = state.strip.picked


nodes = densenet()
st.button("Go deep", on_click=push, args=(DEEP,))
st.button("Go to conv0", on_click=push, args=("features.conv0",))
st.button("Run again")
if st.toggle("Notes change"):
    nodes = [entry | {"note": f"{state.runs}: {entry['name']}"} for entry in nodes]
hidden = st.toggle("Hide the tree")
st.html("<div style='height: 200px'></div>")
if not hidden:
    with st.container(width=300):
        state.layer = layer_tree(nodes, state.layer, key="layers")
st.text(f"Layer: {state.layer}.")

width = st.select_slider("Width", [40, 64, 500], 64)
count = 60 if st.toggle("Other maps") else 64
names = [str(number) for number in range(count)]
picked = tiles(sheet(count, 8, 72, 200), names, 8, width, key="maps", label="Maps")
st.text(f"Picked: {picked}.")
tiles(
    sheet(5, 5, 88, 1),
    [f"photo {number}" for number in range(5)],
    5,
    88,
    key="strip",
    label="Inputs",
    selected=state.input,
    captions=False,
    pixelated=False,
    on_pick=pick_input,
)
st.text(f"Input: {state.input}.")
st.text(f"Runs: {state.runs}.")
