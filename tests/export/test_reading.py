"""ZIP files from “Download” open the same view again; other files are refused in one sentence, at little cost."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from mirror_app import render
from mirror_app.engine.request import Request
from mirror_app.export import package, reading
from tests.app import lives, page, png, said, upload
from tests.refused import refused

PIXELS = np.full((40, 60, 3), (200, 30, 30), np.uint8)
REQUEST = Request("shapes", "", "features.4", "layer-cam", (("strength", 0.3), ("target_class", 5)))


def packed(request: Request = REQUEST) -> bytes:
    return package.package(request, np.ones((1, 4, 4), np.float32), {}, PIXELS, PIXELS, "")


def archive(method: int = zipfile.ZIP_DEFLATED, **files: bytes) -> bytes:
    """A ZIP file like that of a package, with other files in place of its own; "_" stands for the dot."""
    contents = {"original_png": render.png(PIXELS), "request_json": record(REQUEST.to_json()), **files}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in contents.items():
            made.writestr(name.replace("_", "."), content)
    return file.getvalue()


def record(request: object) -> bytes:
    return json.dumps({"request": request}).encode()


MALICIOUS = {
    "no ZIP file": b"PK\x03\x04" + bytes(100),
    "cut short": packed()[:-30],
    "a picture that unpacks to 50 MB": archive(original_png=bytes(50 * 2**20)),
    "a record that unpacks to 50 MB": archive(request_json=b" " * (50 * 2**20)),
    "a method without limits": archive(zipfile.ZIP_LZMA),
    "many files": archive(zipfile.ZIP_STORED, **{f"../../file{number}": b"" for number in range(10_000)}),
    "no record": archive(request_json=b"{}"),
    "not JSON": archive(request_json=b"\xff{"),
    "nested": archive(request_json=b"[" * 60_000),
    "a number with many digits": archive(request_json=b"1" * 60_000),
    "a list": archive(request_json=record([1, 2])),
    "a number as the layer": archive(request_json=record({**REQUEST.to_json(), "layer": 3})),
    "a list as a parameter": archive(request_json=record({**REQUEST.to_json(), "params": {"strength": [1]}})),
    "parameters in a list": archive(request_json=record({**REQUEST.to_json(), "params": ["strength"]})),
    "an unknown field": archive(request_json=record({**REQUEST.to_json(), "path": "/etc/passwd"})),
}


@pytest.mark.parametrize("content", MALICIOUS.values(), ids=MALICIOUS)
def test_what_is_no_package_is_refused_in_one_sentence_and_little_memory(content: bytes) -> None:
    tracemalloc.start()
    with refused("odd.zip", accepted="a ZIP file from Mirror's “Download”"):
        reading.read_package(content, "odd.zip")
    assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    tracemalloc.stop()


@pytest.mark.page
def test_a_package_with_an_uploaded_picture_opens_the_same_view_for_somebody_else() -> None:
    test = upload(page(layer="features.4", visualisation="layer-cam", strength="0.3"), "red.png", png())
    test.selectbox(key="target_class").set_value(5).run()
    request = test.session_state.mirror.request
    other = upload(page(), "layer-cam.zip", packed(request))
    assert lives(other)
    assert said(other) == []
    assert other.session_state.mirror.request == request
    assert [picture.name for picture in other.session_state.mirror.added_pictures] == ["layer-cam.zip"]


@pytest.mark.page
def test_a_package_selects_only_what_is_there() -> None:
    request = Request("no-such-model", "checked-heart-and-striped-heart", "no.such.layer", "layer-cam")
    test = upload(page(), "odd.zip", packed(request))
    assert lives(test)
    assert [line.partition(":")[0] for line in said(test)] == ["In the link", "In the link"]
    chosen = test.session_state.mirror.request
    assert (chosen.model, chosen.layer, chosen.visualisation) == ("shapes", "features", "layer-cam")
    assert chosen.input == request.input  # an example, which is not added again
    assert test.session_state.mirror.added_pictures == []
    test = upload(test, "cut.zip", packed()[:-30])
    assert said(test) == ["'cut.zip' is not a ZIP file from Mirror's “Download”."]
