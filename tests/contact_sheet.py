"""Every visualisation of four pictures, on two networks: `make pictures` writes the sheets of docs/contact-sheets.md.

Each cell shows a visualisation at the default layer, with the default parameters and for the top prediction. If there
are several images, the first four are shown. The photographs and MobileNetV2's weights come from installed packages.
"""

from collections.abc import Iterator

import torch
from PIL import Image, ImageDraw

from benchmarks.grid import mobilenet, photographs
from mirror_app import engine, layers, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.images import Picture
from mirror_app.models import Model, catalogue
from mirror_app.visualisations import registry
from tests import ROOT

SIDE = 112
LABEL = 12  # pixels above a row, for its name
SHOWN = 4


def shown(entry: registry.Entry, model: Model, picture: Picture) -> Image.Image:
    """Return the image of a visualisation, or the first four in a square. May raise MirrorError."""
    layer = layers.default_layer(engine.tree(model), entry.kind.before_last)
    request = Request(model.name, picture.id, layer, entry.key)
    images = engine.render_images(
        request, engine.run(request, model, picture).raw, model.preprocessing.model_input_rgb(picture)
    )
    columns = 2 if len(images) >= SHOWN else 1
    side = SIDE // columns
    fitted = torch.nn.functional.interpolate(images[: columns**2], (side, side), mode="bilinear", antialias=True)
    return Image.fromarray(render.pixels(render.grid(fitted.clamp(0, 1), columns)))


def rows(model: Model, pictures: list[Picture]) -> Iterator[tuple[str, list[Image.Image]]]:
    """Yield the pictures under the name "Model input", then each visualisation that works with its images."""
    yield "Model input", [Image.fromarray(model.preprocessing.model_input_rgb(picture)) for picture in pictures]
    for entry in registry.entries():
        try:
            yield entry.name, [shown(entry, model, picture) for picture in pictures]
        except MirrorError as refusal:
            print(f"{model.name}, {entry.name}: {refusal}", flush=True)


def sheet(model: Model, pictures: list[Picture]) -> Image.Image:
    """Return all rows on one sheet, in two columns."""
    listed = list(rows(model, pictures))
    half = (len(listed) + 1) // 2
    width, height = len(pictures) * SIDE + LABEL, SIDE + LABEL
    canvas = Image.new("RGB", (2 * width, half * height), "white")
    draw = ImageDraw.Draw(canvas)
    for number, (name, images) in enumerate(listed):
        left, top = number // half * width, number % half * height
        draw.text((left, top), name, "black")
        for column, image in enumerate(images):
            canvas.paste(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR), (left + column * SIDE, top + LABEL))
    return canvas


def main() -> None:
    for name, model, pictures in (
        ("bundled", catalogue.load("shapes"), examples()[:4]),
        ("mobilenet", mobilenet(), photographs()[:4]),
    ):
        path = ROOT / "docs" / f"contact-sheet-{name}.jpg"
        sheet(model, list(pictures)).save(path, quality=90)
        print(path.relative_to(ROOT), flush=True)


if __name__ == "__main__":
    main()
