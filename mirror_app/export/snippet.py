"""Python code that draws the picture of a request, which “Show the code” on the page displays."""

from mirror_app.engine.request import Request
from mirror_app.images import Picture

_LINES = """\
from pathlib import Path

from mirror_app import Request, {source}, load, run, still

model = load({model!r})
picture = {picture}
request = Request(model.name, picture.id, {layer!r}, {visualisation!r}, {params!r}{output})

result = run(request, model, picture)  # result.raw: the numbers before any colour
Path({file!r}).write_bytes(still(request, result.raw, model.preprocessing.model_input_rgb(picture)))
"""


def snippet(request: Request, picture: Picture, file: str | None) -> str:
    """Return Python code that writes the picture of a request to a PNG file.

    Args:
        request: The request.
        picture: The picture, one of the bundled examples if `file` is None.
        file: The name of the file from which the code reads an uploaded picture.

    Example:
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.snippet import snippet
        >>> picture = examples()[0]
        >>> print(snippet(Request("shapes", picture.id, "features", "grad-cam"), picture, None).splitlines()[0])
        from pathlib import Path
    """
    return _LINES.format(
        source="decode" if file else "examples",
        picture=picture_code(picture, file),
        model=request.model,
        layer=request.layer,
        visualisation=request.visualisation,
        params=request.params,
        output=f", {request.output!r}" if request.output else "",
        file=f"{request.visualisation}.png",
    )


def picture_code(picture: Picture, file: str | None) -> str:
    """Return the Python expression that reads a picture from `file`, or takes it from the bundled examples.

    Example:
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.export.snippet import picture_code
        >>> picture_code(examples()[0], "cat.png")
        "decode(Path('cat.png').read_bytes(), 'cat.png')"
    """
    if file:
        return f"decode(Path({file!r}).read_bytes(), {file!r})"
    return f"next(picture for picture in examples() if picture.id == {picture.id!r})"
