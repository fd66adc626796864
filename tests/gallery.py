"""One picture of each visualisation: `make pictures` writes the guide's pictures and the table of README.md.

All show the first bundled scene at the default layer. Visualisations that need attention show the bundled transformer.
`make pictures` also writes the sheet of class pictures of the bundled network.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from mirror_app import engine, layers, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.models import Model, catalogue
from mirror_app.ui.guide.sections import PICTURES
from mirror_app.visualisations import registry
from tests import ROOT

README = ROOT / "README.md"
TABLE = re.compile(r"(?<=<!-- pictures -->\n).*?(?=<!-- /pictures -->)", re.DOTALL)
MODELS = (catalogue.BUNDLED, catalogue.BUNDLED_TRANSFORMER)
SIDE = 176
TILES = 16
SHEET = ROOT / "docs" / "class-pictures.png"
SIXTEEN = tuple(4 * (place % 8) + (place + place // 8) % 4 for place in range(16))  # each shape in two textures


def images(entry: registry.Entry, model: Model) -> Tensor:
    """Return the images (M, 3, H, W) of a visualisation at the default layer. May raise MirrorError."""
    picture = examples()[0]
    request = Request(
        model.name, picture.id, layers.default_layer(engine.tree(model), entry.kind.before_last), entry.key
    )
    result = engine.run(request, model, picture)
    return engine.render_images(request, result.raw, model.preprocessing.model_input_rgb(picture))


def drawn(entry: registry.Entry) -> bytes:
    """Return one square PNG file: the image, or a sheet of the first images if there are several."""
    for name in MODELS:
        try:
            found = images(entry, catalogue.load(name))[:TILES]
        except MirrorError as refusal:
            last = refusal
            continue
        columns = round(len(found) ** 0.5)
        side = SIDE // columns
        fitted = torch.nn.functional.interpolate(found, (side, side), mode="bilinear", antialias=True)
        return render.png(render.pixels(render.grid(fitted, columns)))
    raise last


def class_pictures(labels: tuple[int, ...]) -> Tensor:
    """Return the class pictures (N, 3, H, W) of the bundled network's `labels`, as the page shows them."""
    model, picture = catalogue.load("shapes"), examples()[0]
    requests = [Request(model.name, picture.id, "", "class-picture", (("target_class", label),)) for label in labels]
    return torch.cat([torch.from_numpy(engine.run(request, model, picture).raw) for request in requests])


def table() -> str:
    """Return the table of all visualisations, from the registry."""
    rows = ["| | visualisation | what you see | from Python |", "| --- | --- | --- | --- |"]
    for entry in registry.entries():
        picture = f'<img src="{path(entry).relative_to(ROOT)}" width="88" alt="{entry.name}">'
        rows.append(f"| {picture} | **{entry.name}** | {entry.summary} | `{entry.kind.__name__}` |")
    return "\n".join([*rows, ""])


def path(entry: registry.Entry) -> Path:
    """Return the path of the picture of a visualisation."""
    return PICTURES / f"{entry.key}.png"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    for entry in registry.entries():
        path(entry).write_bytes(drawn(entry))
        print(path(entry).relative_to(ROOT), flush=True)
    SHEET.write_bytes(render.png(render.pixels(render.grid(class_pictures(SIXTEEN), 4))))
    README.write_text(TABLE.sub(lambda _: table(), README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
