"""Writes a request to files: its picture, its raw numbers, or everything as a ZIP file."""

import io
import json
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import numpy as np

from mirror_app import engine, render
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.visualisations.core.info import Info

ORIGINAL = "original.png"  # the picture in a package, which the code in the package reads
RECORD = "request.json"


def still(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray, page: int = 1) -> bytes:
    """Return the picture of a request as a PNG file, as the dashboard shows it.

    Args:
        request: The request.
        raw: The raw numbers of the request, `Result.raw`.
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3).
        page: The number of the page, from 1, if there are more than 64 images.

    Returns:
        The file.

    Raises:
        MirrorError: The layer gives a vector, which has no picture, or there is no such page.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.package import still
        >>> from mirror_app.models import catalogue
        >>> model, picture = catalogue.load("shapes"), examples()[0]
        >>> request = Request("shapes", picture.id, "features", "grad-cam")
        >>> result = engine.run(request, model, picture)
        >>> still(request, result.raw, model.preprocessing.model_input_rgb(picture))[1:4]
        b'PNG'
    """
    if raw.ndim == 2:
        raise MirrorError(
            f"The layer '{request.layer}' gives {raw.shape[1]} numbers and no picture",
            culprit=request.layer,
            hint="write an .npy file",
        )
    return engine.sheet(request, raw, model_input_rgb, (page - 1) * engine.PAGE).png


def package(
    request: Request,
    raw: np.ndarray,
    info: Mapping[str, Any],
    original: np.ndarray,
    model_input_rgb: np.ndarray,
    code: str,
) -> bytes:
    """Return everything about a request as a ZIP file.

    Args:
        request: The request.
        raw: The raw numbers of the request, `Result.raw`.
        info: The facts about the result, `Result.info`.
        original: The picture as it was uploaded, uint8 (H, W, 3).
        model_input_rgb: The picture as the model receives it, uint8 (H, W, 3).
        code: Python code that draws the picture again; "" leaves it out.

    Returns:
        A ZIP file with `picture.png` (all images of the request), `raw.npy`, `original.png`, `input.png`, `picture.py`
        and `request.json`, which `read_request` reads.

    Example:
        >>> import io, zipfile
        >>> import numpy as np
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.package import package
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam")
        >>> pixels = np.zeros((32, 32, 3), np.uint8)
        >>> file = package(request, np.ones((1, 4, 4), np.float32), {}, pixels, pixels, "")
        >>> zipfile.ZipFile(io.BytesIO(file)).namelist()
        ['picture.png', 'raw.npy', 'original.png', 'input.png', 'request.json']
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        if raw.ndim > 2:
            archive.writestr("picture.png", full_sheet(request, raw, model_input_rgb))
        archive.writestr("raw.npy", npy(raw))
        archive.writestr(ORIGINAL, render.png(original))
        archive.writestr("input.png", render.png(model_input_rgb))
        archive.writestr(RECORD, record_json(request, info))
        if code:
            archive.writestr("picture.py", code)
    return file.getvalue()


def full_sheet(request: Request, raw: np.ndarray, model_input_rgb: np.ndarray) -> bytes:
    """Return all images of a request as one PNG file, eight in a row; a single image keeps its size."""
    return engine.sheet(request, raw, model_input_rgb, 0, sys.maxsize).png


def read_request(text: str) -> Request:
    """Return the request in the text of a `request.json` from a package."""
    return Request.from_json(json.loads(text)["request"])


def record_json(request: Request, info: Mapping[str, Any]) -> str:
    """Return a request, its link, the facts about its result and the versions of the packages as JSON.

    Args:
        request: The request.
        info: The facts about the result, `Result.info`.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.package import read_request, record_json
        >>> request = Request("shapes", "checked-heart", "features", "grad-cam")
        >>> read_request(record_json(request, {"target_class": [3]})) == request
        True
    """
    record = {
        "request": request.to_json(),
        "link": "?" + urlencode(request.to_query()),
        "info": dict(replace(Info.of(info), params=None, progress=None, curve=None)),
        "versions": {name: version(name) for name in ("mirror-app", "torch", "torchvision")},
    }
    return json.dumps(record, indent=2, default=str)


def npy(raw: np.ndarray) -> bytes:
    """Return raw numbers as a file for `numpy.load`."""
    file = io.BytesIO()
    np.save(file, raw)
    return file.getvalue()
