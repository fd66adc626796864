"""The few lines of Python that make the picture of a request: “Show the code” on the page."""

from mirror_app.engine.request import Request
from mirror_app.images import Picture

_LINES = """\
from pathlib import Path

from mirror_app import engine
{source}
from mirror_app.engine.request import Request
from mirror_app.export.package import still
from mirror_app.models import catalogue

model = catalogue.load({model!r})
picture = {picture}
request = Request(model.name, picture.id, {layer!r}, {visualisation!r}, {params!r}{output})

result = engine.run(request, model, picture)  # result.raw: the numbers before any colour
Path({file!r}).write_bytes(still(request, result.raw, model.preprocessing.model_input_rgb(picture)))
"""


def snippet(request: Request, picture: Picture, file: str | None) -> str:
    """Return Python that writes the picture of `request` to a PNG file; `file` holds one's own picture."""
    return _LINES.format(
        source="from mirror_app.images import decode" if file else "from mirror_app.bundled.examples import examples",
        picture=f"decode(Path({file!r}).read_bytes(), {file!r})"
        if file
        else f"next(picture for picture in examples() if picture.id == {picture.id!r})",
        model=request.model,
        layer=request.layer,
        visualisation=request.visualisation,
        params=request.params,
        output=f", {request.output!r}" if request.output else "",
        file=f"{request.visualisation}.png",
    )
