"""The code that the page shows makes the picture that the page shows."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from mirror_app import engine, layers
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.export.call_snippet import call_snippet, live_call_snippet
from mirror_app.export.snippet import snippet
from mirror_app.images import decode
from mirror_app.live.session import PreprocessingOverrides, live_session
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from tests.app import code, page, png, upload
from tests.networks import ANYWHERE, ATTENTION, quick, resnet18


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
@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_the_call_of_every_visualisation_gives_its_raw_values(
    entry: registry.Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, picture = catalogue.load("shapes-transformer" if entry.key in ATTENTION else "shapes"), examples()[1]
    layer = layers.default_layer(engine.tree(model)) if entry.key in (*ATTENTION, "cam") else "features.3"
    request = Request(model.name, picture.id, layer, entry.key, entry.canonical(quick(entry)))
    names: dict[str, Any] = {}
    exec(call_snippet(request, model, picture, None), names)
    assert names["raw"].numpy().tobytes() == engine.run(request, model, picture).raw.tobytes()
    assert Path(f"{entry.key}.png").stat().st_size > 100


def test_the_call_on_a_live_model_takes_the_programs_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module, image = resnet18(), Image.new("RGB", (60, 40), "red")
    tensor = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    for item, name in ((tensor, "inputs"), (image, "image")):
        shown = live_session("c0de", item, module, None, PreprocessingOverrides())
        (model,), (picture,) = shown.models.values(), shown.pictures
        request = Request(model.name, picture.id, "layer2", "grad-cam", (("target_class", 3),))
        names: dict[str, Any] = {"model": module, name: tensor[None] if item is tensor else image}
        exec(live_call_snippet(request, model, picture, None), names)
        assert names["raw"].numpy().tobytes() == engine.run(request, model, picture).raw.tobytes()


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
