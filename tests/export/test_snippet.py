"""The code that the page shows makes the picture that the page shows."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mirror_app import engine
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.export.snippet import snippet
from mirror_app.images import decode
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from tests.app import code, page, png, upload
from tests.networks import ANYWHERE, quick


@pytest.mark.minutes
@pytest.mark.parametrize("entry", ANYWHERE, ids=lambda entry: entry.key)
def test_the_code_of_every_visualisation_makes_its_picture(
    entry: registry.Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, picture = catalogue.load("shapes"), examples()[1]
    request = Request("shapes", picture.id, "features.3", entry.key, entry.canonical(quick(entry)))
    exec(snippet(request, picture, None), {})
    expected = package.still(
        request, engine.run(request, model, picture).raw, model.preprocessing.model_input_rgb(picture)
    )
    assert Path(f"{entry.key}.png").read_bytes() == expected


@pytest.mark.minutes
def test_the_code_says_what_the_numbers_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model, picture = catalogue.load("shapes"), examples()[1]
    request = Request("shapes", picture.id, "features.3", "rise", (("n", 100),), "labels")
    exec(snippet(request, picture, None), {})
    expected, plain = (
        package.still(request, engine.run(one, model, picture).raw, model.preprocessing.model_input_rgb(picture))
        for one in (request, replace(request, output=""))
    )
    assert Path("rise.png").read_bytes() == expected != plain
    written = request.to_json()
    assert Request.from_json(written) == request
    del written["output"]  # as it was written before
    assert Request.from_json(written) == replace(request, output="")


@pytest.mark.page
def test_ones_own_picture_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = 'it\'s \\ "mine".png' if os.name == "posix" else "it's mine.png"
    Path(name).write_bytes(png())
    picture = decode(png(), name)
    request = Request("shapes", picture.id, "features", "grad-cam", (("colours", "jet"),))
    exec(snippet(request, picture, name), {})
    assert Path("grad-cam.png").stat().st_size > 1000


@pytest.mark.page
def test_the_page_shows_the_code() -> None:
    test = page(layer="features.3", visualisation="layer-cam")
    assert "'features.3', 'layer-cam', ()" in code(test)
    upload(test, "own.png", png())
    assert "decode(Path('own.png')" in code(test)
    opened = page(visualisation="layer-cam", **{"output-kind": "labels"})
    assert "'layer-cam', (), 'labels')" in code(opened)
