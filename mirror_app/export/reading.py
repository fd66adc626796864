"""Reads a ZIP file that `package` wrote. The file may come from a stranger, so nothing in it is trusted."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from mirror_app.decoding.files import MAX_BYTES
from mirror_app.decoding.reading import printable
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export.package import ORIGINAL, RECORD

MAX_RECORD_BYTES = 2**16
_MAX_FILES = 16  # a package has six
_FILE_MARKER = b"PK\x01\x02"  # in front of each file's entry in the list of files
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # with these, reading stops at the size that is asked for
# The errors that Python's modules raise on damaged or malicious files.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError),
    *(ValueError, TypeError, AttributeError, LookupError, RuntimeError),
)


def is_package(data: bytes) -> bool:
    r"""Return whether a file claims to be a ZIP file.

    Args:
        data: The content of the file.

    Example:
        >>> from mirror_app.export.reading import is_package
        >>> is_package(b"PK\x03\x04..."), is_package(b"\x89PNG")
        (True, False)
    """
    return data.startswith(b"PK\x03\x04")


def read_package(data: bytes, name: str) -> tuple[Request, bytes]:
    """Return the request in a ZIP file that `package` wrote, and the PNG file of its picture.

    Nothing is written to disk, and of the files in the ZIP file only these two are read, up to a limit. Whether the
    model, the visualisation and its parameters exist is not checked, and the PNG file is not decoded.

    Args:
        data: The content of the ZIP file.
        name: Its name, for error messages.

    Returns:
        The request, and the content of the PNG file.

    Raises:
        MirrorError: `package` has not written the file, or its picture is too large.

    Example:
        >>> import numpy as np
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.package import package
        >>> from mirror_app.export.reading import read_package
        >>> request, pixels = Request("shapes", "1a2b", "features", "grad-cam"), np.zeros((32, 32, 3), np.uint8)
        >>> file = package(request, np.ones((1, 4, 4), np.float32), {}, pixels, pixels, "")
        >>> read, png = read_package(file, "grad-cam.zip")
        >>> read == request, png[1:4]
        (True, b'PNG')
    """
    name = printable(name)
    accepted = "a ZIP file from Mirror's “Download”"
    refusal = MirrorError(f"'{name}' is not {accepted}.", culprit=name, accepted=accepted)
    if data.count(_FILE_MARKER) > _MAX_FILES:
        raise refusal
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            record = json.loads(_content(archive, RECORD, MAX_RECORD_BYTES))
            original = _content(archive, ORIGINAL, MAX_BYTES)
        return Request.from_json(_checked(record["request"])), original
    except (*_BROKEN, MirrorError) as error:
        raise refusal from error


def _content(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return the content of a file in an archive; raise ValueError if it is longer than `limit`."""
    entry = archive.getinfo(name)
    if entry.compress_type not in _METHODS:
        raise ValueError("This method of compression is not accepted.")
    with archive.open(entry) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{name} is too large.")
    return content


def _checked(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a request; raise ValueError unless its fields are text and its parameters simple values."""
    params = record.get("params", {})
    texts = [value for name, value in record.items() if name != "params"] + list(params)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("A field of the request is not text.")
    if not all(value is None or isinstance(value, str | int | float) for value in params.values()):
        raise ValueError("A parameter of the request is not a simple value.")
    return dict(record)
