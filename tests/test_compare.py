"""The compare page: what its cells are asked for, one scale for all, the files, and the page as a script."""

import io
import json
import zipfile
from functools import partial

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from mirror_app import engine, matrix, registry, render
from mirror_app.matrix import Cell
from mirror_app.models import catalogue
from mirror_app.models.examples import examples
from mirror_app.probe import fingerprint
from mirror_app.request import Request
from mirror_app.ui import cache, compare
from tests.browser import ROOT

ONE = torch.arange(16.0).view(1, 4, 4) / 16
BASE = Request("shapes", "checked-heart", "features.4", "grad-cam", (("guided", True), ("target_class", 7)))


def page(**query: str) -> AppTest:
    st.cache_data.clear()
    test = AppTest.from_file(str(ROOT / "mirror_app" / "main.py"), default_timeout=90)
    for name, value in query.items():
        test.query_params[name.replace("__", ".")] = value
    return test.run().switch_page("../pages/compare.py").run()


def opening(test: AppTest) -> list[str]:
    """The names of the cells that can be opened."""
    return [button.label.removeprefix("Open ") for button in test.button if button.label.startswith("Open ")]


def test_a_cell_differs_from_the_base_in_nothing_but_its_row_and_column() -> None:
    assert compare.request_of(BASE, {}) == BASE
    assert compare.request_of(BASE, {"visualisations": "grad-cam", "inputs": "checked-heart"}) == BASE
    other = compare.request_of(BASE, {"visualisations": "back-prop", "layers": "features.1"})
    assert other == Request("shapes", "checked-heart", "features.1", "back-prop", (("target_class", 7),))
    assert compare.request_of(BASE, {"visualisations": "activations", "inputs": "x"}).params == ()


@pytest.mark.parametrize(
    ("look", "raw"),
    [(render.heat, ONE), (render.heat, ONE[:, None].expand(1, 3, 4, 4)), (render.gradient, ONE[:, None])],
)
def test_on_one_scale_twice_as_much_is_twice_as_bright(look: render.Look, raw: torch.Tensor) -> None:
    picture = torch.zeros(1, 3, 4, 4)
    bare = partial(look, picture=picture, show="positive" if look is render.gradient else "heat map")
    bare = partial(bare, colours="grey") if look is render.heat else bare
    assert torch.equal(bare(raw), bare(2 * raw))
    largest = render.magnitude(2 * raw, look)
    faint, bright = bare(raw, largest=largest), bare(2 * raw, largest=largest)
    assert torch.allclose(2 * faint, bright, atol=1e-6)
    assert float(bright.max()) == 1


def test_one_scale_keeps_the_sign() -> None:
    picture = torch.zeros(1, 3, 4, 4)
    signed = render.heat(ONE - 0.5, picture, show="map", signed=True, largest=1.0)
    assert torch.allclose(signed[:, 0], (ONE - 0.5) / 2 + 0.5, atol=1e-6)


def test_every_look_either_shares_a_scale_or_says_that_it_does_not() -> None:
    assert {entry.key for entry in registry.entries() if entry.scaled} >= {"grad-cam", "back-prop", "lrp", "rise"}
    for entry in registry.entries():
        raw = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
        request = Request("shapes", "x", "", entry.key)
        engine.paint(request, raw, np.zeros((8, 8, 3), np.uint8), largest=2.0)


def cells() -> matrix.Cells:
    model, picture = catalogue.load("shapes"), examples()[0]
    seen = model.preprocessing.as_seen(picture)
    found = {}
    for key in ("grad-cam", "back-prop"):
        request = Request("shapes", picture.id, "features.9", key)
        raw = engine.run(request, model, picture).raw
        found[key, "one / two"] = Cell(request, engine.sheet(request, raw, seen).png, raw)
        found[key, "../x"] = Cell(request, refusal="It cannot be shown.")
    return found


def test_the_files_of_a_matrix_bring_each_request_back() -> None:
    rows, columns = ["grad-cam", "back-prop"], ["one / two", "../x"]
    made = cells()
    with zipfile.ZipFile(io.BytesIO(matrix.package(rows, columns, made))) as archive:
        assert all("/" not in name and ".." not in name for name in archive.namelist())
        told = json.loads(archive.read("matrix.json"))
        assert [(item["row"], item["column"]) for item in told] == list(made)
        for item in told:
            cell = made[item["row"], item["column"]]
            request = Request(**{**item["request"], "params": tuple(item["request"]["params"].items())})
            assert request == cell.request
            if cell.refusal:
                assert item["refusal"] == cell.refusal
                continue
            again = engine.run(request, catalogue.load("shapes"), examples()[0])
            assert np.load(io.BytesIO(archive.read(f"{item['files']}.npy"))).tobytes() == again.raw.tobytes()
            assert archive.read(f"{item['files']}.png") == cell.png


def test_the_large_picture_has_each_cell_at_its_place() -> None:
    made = cells()
    large = np.asarray(Image.open(io.BytesIO(matrix.drawn(["grad-cam", "back-prop"], ["one / two", "../x"], made))))
    top = large.shape[0] - 2 * (matrix.SIDE + matrix.GAP)
    for down, key in enumerate(("grad-cam", "back-prop")):
        first = top + down * (matrix.SIDE + matrix.GAP)
        part = large[first : first + matrix.SIDE, matrix.NAMES : matrix.NAMES + matrix.SIDE]
        with Image.open(io.BytesIO(made[key, "one / two"].png)) as cell:
            expected = np.asarray(cell.convert("RGB").resize((matrix.SIDE, matrix.SIDE), Image.Resampling.BICUBIC))
        assert np.abs(part.astype(int) - expected).mean() < 2


def test_the_page_begins_with_methods_by_inputs_and_touches_no_model() -> None:
    module = cache.model("shapes").module
    before = fingerprint(module)
    test = page()
    assert not test.exception
    assert len(opening(test)) == 16
    assert opening(test)[0] == r"Grad\-CAM · checked heart"
    assert fingerprint(module) == before


def test_a_cell_that_cannot_be_says_why_and_the_others_stand() -> None:
    test = page(compare__visualisations="grad-cam,attention", compare__inputs="checked-heart")
    assert opening(test) == [r"Grad\-CAM · checked heart"]
    assert any("MultiheadAttention" in caption.value for caption in test.caption)


def test_layers_by_inputs_on_one_scale_travel_by_a_link_and_a_wrong_value_is_said() -> None:
    query = {"compare.rows": "layers", "compare.columns": "inputs", "compare.scale": "one for all"}
    test = page(**query, **{"compare.layers": "features.1,featres.4", "compare.inputs": "checked-heart"})
    assert not test.exception
    assert opening(test) == [r"features\.1 · checked heart"]
    assert any("featres" in error.value and "features" in error.value for error in test.error)
    assert {name: test.query_params[name] for name in query} == query


def test_too_many_cells_are_one_sentence() -> None:
    every = ",".join(entry.key for entry in registry.entries())
    test = page(**{"compare.visualisations": every, "compare.inputs": ",".join(p.id for p in examples())})
    assert any("at most 64" in warning.value for warning in test.warning)


def test_a_cell_opens_in_explore() -> None:
    test = page(compare__visualisations="layer-cam", compare__inputs=examples()[2].id)
    next(button for button in test.button if button.label.startswith("Open ")).click().run()
    assert not test.exception
    assert test.session_state.mirror.request.visualisation == "layer-cam"
    assert test.session_state.mirror.request.input == examples()[2].id
    assert any("raw values" in caption.value for caption in test.caption)
