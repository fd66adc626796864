"""The matrix: which request each of its cells is, what the page shows of it, and what is kept of it in files."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from mirror_app import engine, render
from mirror_app.bundled.examples import examples
from mirror_app.engine import rendering
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export import matrix
from mirror_app.export.figure import (
    GAP,
    MARGIN,
    ROW_NAME_WIDTH,
    TILE_SIDE,
    WARNING_COLOUR,
    Tile,
    draw_figure,
    wrap_text,
)
from mirror_app.export.matrix import Axis, Cell
from mirror_app.models import catalogue
from mirror_app.params import Value
from mirror_app.probe.output_kind import OutputKind
from mirror_app.ui import store
from mirror_app.ui.compare import axes, cell_state, cells, controls
from mirror_app.ui.store.background_runs import generated_picture
from mirror_app.visualisations import registry
from tests.app import (
    captions,
    containers,
    figures,
    head,
    link_lacks_pictures,
    page,
    plain,
    png,
    provenance,
    said,
    upload,
)
from tests.networks import state
from tests.refused import refused
from tests.ui.test_page import _empty_caches  # noqa: F401 - a fixture

FOUR = [picture.id for picture in examples()[:4]]
BASE = Request("shapes", FOUR[0], "features", "grad-cam", (("strength", 0.3), ("target_class", 3)))


def compare(**query: str) -> AppTest:
    """The page as its link opens it; `compare_rows` stands for “compare.rows”."""
    test = page(**{name.replace("compare_", "compare."): value for name, value in query.items()})
    return test.switch_page("../pages/compare.py").run()


def opens(test: AppTest) -> list[str]:
    """What the pictures of the matrix are called, row after row."""
    covers = [button for button in test.button if (button.key or "").startswith("open-")]
    return [plain(button.label).partition(" in Explore")[0].removeprefix("Open ") for button in covers]


def refusals(test: AppTest) -> list[str]:
    """What stands in the cells that have no picture, row after row."""
    spots = containers(test, r"cell-\d+-\d+").values()
    return [plain(spot.caption[0].value) for spot in spots if not spot.button]


# What the page remarks below its controls, each by words that no other remark has. Tests name the words only here.
REMARKS = {
    "the sidebar's choice is missing": "is not among these",
    "other settings are of one method": "other settings apply",
    "the same at every layer": "same at every layer",
    "the same for every input": "same for every input",
    "other models have their default layer": "Other models",
    "the target may be missing": "without the target class",
}


def remarks(test: AppTest) -> dict[str, str]:
    """The remarks on the page, each with the names of the visualisations in its sentence."""
    (told,) = [caption for caption in captions(test) if caption.startswith("All pictures")]
    names = {entry.name: rf"(?<![\w-]){re.escape(entry.name)}(?![\w+-])" for entry in registry.entries()}
    found = {}
    for sentence in told.split(". "):
        for remark, words in REMARKS.items():
            if words in sentence:
                found[remark] = ", ".join(name for name, pattern in names.items() if re.search(pattern, sentence))
    return found


def scale_maximum(test: AppTest) -> str | None:
    """The figure that full brightness stands for, or None if the page tells none."""
    told = [caption for caption in captions(test) if caption.startswith(controls.SCALE_MAXIMUM)]
    return told[0].partition(": ")[2].strip("*") if told else None


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was computed and painted since, call by call."""
    found: list[tuple[Any, ...]] = []

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            found.append((function.__name__, *arguments))
            return function(*arguments)

        return call

    for module, name in ((engine, "frames"), (rendering, "render_images")):
        monkeypatch.setattr(module, name, counted(getattr(module, name)))
    return found


def test_four_visualisations_of_four_inputs_without_a_click_and_nothing_twice(calls: list[tuple[Any, ...]]) -> None:
    test = compare()
    assert not test.exception
    assert said(test) == []
    names = [examples()[n].name for n in range(4)]
    expected = [f"{name} of {of}" for name in ("Grad-CAM", "Layer-CAM") for of in names]
    assert [title.partition(" (")[0] for title in opens(test)[:8]] == expected
    assert len(opens(test)) == 16
    assert remarks(test) == {"other settings are of one method": "Grad-CAM"}
    assert "compare.rows" not in test.query_params
    assert [call[0] for call in calls].count("frames") == 16
    calls.clear()
    assert len(opens(test.run())) == 16
    assert calls == []


def test_layers_of_one_visualisation_and_what_does_not_depend_on_them() -> None:
    test = compare(compare_rows="layer", compare_input=",".join(FOUR[:2]), visualisation="layer-cam")
    assert [title.split("(")[1] for title in opens(test)] == [
        f"shapes, {layer})" for layer in ("features.1", "features.4", "features") for _ in range(2)
    ]
    assert remarks(test) == {}
    test.session_state["visualisation"] = "back-prop"
    assert remarks(test.run()) == {"the same at every layer": "Back Prop"}
    test.session_state["compare.columns"] = "visualisation"
    test.session_state["compare.visualisation"] = ["back-prop", "eigen-cam"]
    assert len(opens(test.run())) == 6
    assert test.query_params["compare.columns"] in ("visualisation", ["visualisation"])


def test_a_cell_that_cannot_be_shown_says_why_and_the_others_stand() -> None:
    test = compare(compare_visualisation="attention,grad-cam", compare_input=",".join(FOUR[:2]))
    assert [title.partition(" of")[0] for title in opens(test)] == ["Grad-CAM"] * 2
    assert ["Grad-CAM" in sentence for sentence in refusals(test)] == [True] * 2  # which to use instead
    assert said(test) == []


def test_a_defect_spoils_its_own_cell_only(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    frames = engine.frames

    def broken(request: Request, *others: Any) -> Generator[engine.Result, None, None]:
        if request.visualisation == "layer-cam":
            raise ZeroDivisionError
        return frames(request, *others)

    monkeypatch.setattr(engine, "frames", broken)
    test = compare(compare_input=FOUR[0])
    assert len(opens(test)) == 3
    (sentence,) = refusals(test)
    assert "ZeroDivisionError" not in sentence
    assert "ZeroDivisionError" in caplog.text


def test_a_model_that_cannot_be_fetched_is_tried_once_and_spoils_its_own_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    loading, tried = catalogue.load_with_progress, []

    def offline(name: str, device: Any) -> Generator[Any, None, None]:
        if name == "resnet18":
            tried.append(name)
            raise MirrorError("There is no network.")
        yield from loading(name, device)

    monkeypatch.setattr(catalogue, "load_with_progress", offline)
    test = compare(
        compare_columns="model",
        compare_model="shapes,resnet18,squeezenet1_1-untrained",
        compare_visualisation="grad-cam,activations",
        target_class="9",
    )
    assert opens(test) == [
        f"{name} of checked heart ({model})"
        for name in ("Grad-CAM", "Activations")
        for model in ("shapes, features", "squeezenet1_1-untrained, features")
    ]
    assert refusals(test) == ["There is no network."] * 2
    assert tried == ["resnet18"]
    assert remarks(test) == {
        "other settings are of one method": "Grad-CAM",
        "other models have their default layer": "",
        "the target may be missing": "",
    }


def below(test: AppTest) -> list[str]:
    """What stands below the pictures that say what was asked for, row after row."""
    slots = containers(test, r"below-\d+-\d+").values()
    return [plain(caption.value) for slot in slots for caption in slot.caption]


def test_each_picture_says_what_was_asked_for_and_how_sure_the_model_is() -> None:
    query = {"compare_visualisation": "layer-cam,activations", "compare_input": ",".join(FOUR[:2])}
    model, shown = store.model("shapes"), examples()[:2]
    sure = [engine.predict(model, picture).probabilities for picture in shown]
    assert below(compare(**query)) == [f"{model.classes[each.argmax()]} · {each.max():.1%}" for each in sure]
    asked = [f"{model.classes[3]} · {OutputKind.CLASSES.text(float(each[3]))}" for each in sure]
    assert below(compare(**query, target_class="3")) == asked
    unit = Request("shapes", FOUR[0], "features.1", "layer-cam", (("target_class", "features.8:3"),))
    selection = store.Selection.of(unit, shown[0])
    assert cell_state.caption_of(selection, engine.run(unit, model, shown[0])) == "channel 3 of features.8"
    assert OutputKind.CLASSES.text(0.588) == "58.8%"
    assert OutputKind.CLASSES.text(0.00099) == OutputKind.CLASSES.text(0.0) == "<0.1%"


def test_a_note_of_explore_is_not_lost() -> None:
    test = compare(compare_visualisation="grad-cam,layer-cam", compare_input=FOUR[0], layer="features.1")
    first, second = below(test)
    assert first.startswith(f"{cells.WARNING} checked heart")
    assert second.startswith("checked heart")
    result = store.cached_result(Request("shapes", FOUR[0], "features.1", "grad-cam"))
    assert result is not None
    assert result.info.note
    covers = [test.button(key=f"open-{row}-0") for row in range(2)]
    for heard in (covers[0].label, covers[0].help):
        assert result.info.note in plain(heard)
    assert plain(covers[1].label) == f"Open {opens(test)[1]} in Explore"
    assert cells.WARNING not in covers[1].help


def test_the_choice_in_the_sidebar_is_shown_first_or_said_to_be_missing() -> None:
    few = {"compare_input": FOUR[0]}
    test = compare(**few, visualisation="eigen-cam")
    assert [title.partition(" of")[0] for title in opens(test)] == ["Eigen-CAM", "Grad-CAM", "Layer-CAM", "Back Prop"]
    assert "compare.visualisation" not in test.query_params
    before = opens(test)
    test.session_state["visualisation"] = "hires-cam"
    assert opens(test.run()) == before
    assert remarks(test) == {"the sidebar's choice is missing": "HiRes-CAM"}
    link = {name: text if isinstance(text, str) else text[0] for name, text in test.query_params.items()}
    assert opens(page(**link).switch_page("../pages/compare.py").run()) == before
    test.session_state["compare.visualisation"] = ["grad-cam", "hires-cam"]
    assert remarks(test.run()) == {"other settings are of one method": "HiRes-CAM"}


def test_the_link_to_share_holds_the_whole_matrix() -> None:
    query = {"compare_rows": "layer", "compare_layer": "features.4,features", "compare_input": ",".join(FOUR[:2])}
    test = compare(**query, compare_scale="one", strength="0.3")
    link = next(code.value for code in test.code if "compare" in code.value)
    read = dict(parse_qsl(urlsplit(link).query))
    assert opens(page(**read).switch_page("../pages/compare.py").run()) == opens(test)
    assert read["compare.scale"] == "one"
    assert read["strength"] == "0.3"
    assert not link_lacks_pictures(test)


def test_pictures_of_ones_own_do_not_travel_and_that_is_said() -> None:
    test = upload(page(), "mine.png", png())
    assert link_lacks_pictures(test)
    test.switch_page("../pages/compare.py").run()
    assert any(" of mine.png" in title for title in opens(test))
    assert link_lacks_pictures(test)


def test_numbers_are_said_to_be_numbers_and_open_too() -> None:
    test = compare(compare_visualisation="activations", compare_input=FOUR[0], layer="pool")
    (spot,) = containers(test, r"cell-\d+-\d+").values()
    assert figures(spot.caption[0].value) == ["144"]
    assert not spot.get("image")
    assert len(opens(test)) == 1


def test_one_scale_is_that_of_the_brightest_of_all(calls: list[tuple[Any, ...]]) -> None:
    test = compare(compare_rows="layer", compare_scale="one")
    last: dict[str, float] = {}
    model = store.model("shapes")
    for name, *arguments in calls:
        if name == "render_images":
            last[arguments[0].digest()] = arguments[3]
    peaks = [
        engine.vmax(request, engine.run(request, model, picture).raw, picture.pixels)
        for picture in examples()[:4]
        for layer in ("features.1", "features.4", "features")
        if (request := Request("shapes", picture.id, layer, "grad-cam"))
    ]
    assert len(peaks) == len(last) == 12
    vmax = max(peak for peak in peaks if peak is not None)
    assert set(last.values()) == {vmax}
    assert scale_maximum(test) == f"{vmax:.3g}"
    test.session_state["compare.scale"] = "own"
    assert scale_maximum(test.run()) is None
    test.session_state["compare.scale"], test.session_state["visualisation"] = "one", "activations"
    assert scale_maximum(test.run()) is None  # their maps share no scale


def test_a_link_opens_the_same_matrix_and_says_what_it_gets_wrong() -> None:
    query = {"compare_rows": "layer", "compare_columns": "visualisation", "compare_layer": "features.4,features"}
    test = compare(**query, compare_visualisation="grad-cam,eigen-cam", compare_scale="one")
    assert len(opens(test)) == 4
    again = page(**{name: text if isinstance(text, str) else text[0] for name, text in test.query_params.items()})
    assert opens(again.switch_page("../pages/compare.py").run()) == opens(test)

    test = compare(compare_rows="lines", compare_visualisation="grad-kam,grad-cam", compare_input="mine", compare_x="1")
    for sentence, named in zip(
        said(test),
        [
            ("compare.rows", "'lines'"),
            ("compare.visualisation", "'grad-kam'", "'grad-cam'"),
            ("compare.input", "'mine'"),
        ],
        strict=True,
    ):
        assert [name for name in named if name not in sentence] == []
    assert len(opens(test)) == 4
    assert said(test.run()) == []


def test_more_than_eight_are_not_shown_and_none_are_asked_for() -> None:
    keys = ["grad-cam", "xgrad-cam", "grad-cam-plus-plus", "hires-cam", "layer-cam", "eigen-cam", "activations"]
    keys += ["back-prop", "deconvnet", "kernels"]
    test = compare(compare_visualisation=",".join(keys), compare_input=FOUR[0])
    assert len(opens(test)) == 8
    assert ["8", "10", "8", "8"] in [figures(caption) for caption in captions(test)]
    asks = axes.LABELS["visualisation"].lower()
    assert not any(asks in caption for caption in captions(test))
    test.session_state["compare.visualisation"] = []
    assert len([caption for caption in captions(test.run()) if asks in caption]) == 1
    assert opens(test) == []
    assert not test.exception


def test_another_model_is_compared_at_its_own_stages() -> None:
    test = compare(compare_rows="layer", compare_layer="features.4,features.5")
    test.session_state["compare.input"] = FOUR[:1]
    assert len(opens(test.run())) == 2
    test.session_state["model"], test.session_state["untrained"] = "squeezenet1_1", True
    titles = opens(test.run())
    assert [title.split(", ")[-1] for title in titles] == ["features.1)", "features.4)", "features.7)", "classifier.2)"]


def test_a_picture_opens_in_explore_with_exactly_its_request() -> None:
    keys = "layer-cam,back-prop"
    test = compare(strength="0.3", target_class="3", visualisation="layer-cam", compare_visualisation=keys)
    test.button(key="open-0-2").click().run()
    assert head(test)[0] == "Layer-CAM"
    expected = Request("shapes", FOUR[2], "features", "layer-cam", (("strength", 0.3), ("target_class", 3)))
    assert test.session_state.mirror.request == expected
    test.switch_page("../pages/compare.py").run()
    test.button(key="open-1-1").click().run()
    expected = Request("shapes", FOUR[1], "features", "back-prop", (("target_class", 3),))
    assert test.session_state.mirror.request == expected
    assert provenance(test).cached


def test_the_models_stay_as_they_were() -> None:
    before = state(store.model("shapes").module)
    compare(compare_visualisation="grad-cam,back-prop,activations,lrp", compare_input=FOUR[0])
    assert state(store.model("shapes").module) == before


def test_a_cell_keeps_what_its_visualisation_understands() -> None:
    assert matrix.with_changes(BASE, {"input": "other"}).params == BASE.params
    assert matrix.with_changes(BASE, {"visualisation": "grad-cam"}).params == BASE.params
    assert matrix.with_changes(BASE, {"visualisation": "layer-cam"}).params == (("target_class", 3),)
    assert matrix.with_changes(BASE, {"visualisation": "activations"}).params == ()
    with refused("grad-kam", accepted=["grad-cam"], hint="'grad-cam'"):
        matrix.with_changes(BASE, {"visualisation": "grad-kam"})


def test_another_model_gets_the_layer_and_the_class_of_the_same_name() -> None:
    here, there = (engine.tree(catalogue.load(name)) for name in ("shapes", "squeezenet1_1-untrained"))
    assert matrix.corresponding_layer("features.4", here, there) == "features.4"
    assert matrix.corresponding_layer("features", here, there) == "features"  # the first look at each
    assert matrix.corresponding_layer("pool", here, there) == "features"
    assert matrix.corresponding_layer("*", here, there) == "*"
    assert (
        matrix.corresponding_layer("features", here, there, before_last=True) == "features.7"
    )  # the first dream of each
    assert matrix.corresponding_layer("features.7", there, here, before_last=True) == "features"
    assert matrix.corresponding_layer("features.7", there, here) == "features.7"
    assert matrix.corresponding_target(1, ["cat", "dog"], ["fish", "cat", "dog"]) == 2
    assert matrix.corresponding_target(1, ["cat", "dog"], ["fish"]) is None
    assert matrix.corresponding_target(7, [], []) == 7
    assert matrix.corresponding_target("features.1:5", ["cat"], ["dog"]) == "features.1:5"


@pytest.mark.parametrize("key", ["layer-cam", "back-prop"])
def test_twice_the_map_is_as_bright_alone_and_twice_as_bright_on_one_scale(key: str) -> None:
    raw = torch.rand(1, 3, 8, 8) if key == "back-prop" else torch.rand(1, 8, 8)
    shown: dict[str, Value] = {"show": "grey", "contrast": 0.0} if key == "back-prop" else {"show": "map"}
    entry = registry.get(key)
    request = Request("shapes", "any", "features", key, entry.canonical(shown))
    model_input_rgb = np.zeros((8, 8, 3), np.uint8)
    once, twice = (engine.render_images(request, factor * raw.numpy(), model_input_rgb) for factor in (1, 2))
    assert torch.allclose(once, twice)
    assert float(once.max()) == pytest.approx(1)
    vmax = engine.vmax(request, 2 * raw.numpy(), model_input_rgb)
    assert vmax == pytest.approx(2 * float(raw.max()))
    half, full = (engine.render_images(request, factor * raw.numpy(), model_input_rgb, vmax) for factor in (1, 2))
    assert torch.allclose(full, twice)
    assert torch.allclose(half, once / 2)


def test_one_scale_keeps_the_sign() -> None:
    raw = torch.arange(16.0).view(1, 4, 4) / 16 - 0.5
    signed = render.heat(raw, torch.zeros(1, 3, 4, 4), show="map", signed=True, vmax=1.0)
    assert torch.allclose(signed[:, 0], raw / 2 + 0.5, atol=1e-6)


def test_every_look_that_takes_a_scale_has_a_peak_of_its_own() -> None:
    model_input_rgb = np.zeros((8, 8, 3), np.uint8)
    raw = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    for entry in registry.entries():
        request = Request("shapes", "any", "", entry.key)
        assert entry.scaled == (engine.vmax(request, raw, model_input_rgb) is not None)
        engine.render_images(request, raw, model_input_rgb, 2.0)


def test_looks_without_magnitudes_ignore_the_scale() -> None:
    raw = torch.rand(1, 4, 8, 8)
    request = Request("shapes", "any", "features", "activations")
    model_input_rgb = np.zeros((8, 8, 3), np.uint8)
    assert engine.vmax(request, raw.numpy(), model_input_rgb) is None
    assert torch.equal(
        engine.render_images(request, raw.numpy(), model_input_rgb, 9.0),
        engine.render_images(request, raw.numpy(), model_input_rgb),
    )
    nothing = engine.render_images(BASE, np.zeros((1, 8, 8), np.float32), model_input_rgb, 0.0)
    assert nothing.isfinite().all()


def solid(colour: tuple[int, int, int]) -> bytes:
    return render.png(np.full((20, 30, 3), colour, np.uint8))


def test_the_poster_has_every_picture_and_sentence_in_its_place() -> None:
    grid = [
        [Tile(solid((200, 0, 0))), Tile("It cannot be shown.")],
        [Tile(solid((0, 200, 0))), Tile(solid((0, 0, 9)))],
    ]
    file = draw_figure(grid, ["first", "features.denseblock4.denselayer16.conv2"], ["a", "b"], "")
    shown = np.asarray(Image.open(io.BytesIO(file)))
    step = TILE_SIDE + GAP
    left, top = MARGIN + ROW_NAME_WIDTH + GAP + TILE_SIDE // 2, shown.shape[0] - MARGIN - TILE_SIDE // 2 - step
    assert shown[top, left].tolist() == [200, 0, 0]
    assert shown[top + step, left].tolist() == [0, 200, 0]
    assert shown[top + step, left + step].tolist() == [0, 0, 9]
    assert shown[top, left - TILE_SIDE // 2 + 3].tolist() == [200, 0, 0]  # as wide as the square, and not as high
    assert shown[top - TILE_SIDE // 2 + 9, left].tolist() == [241, 239, 246]
    sentence = shown[top - 40 : top + 40, left + step - 100 : left + step + 100]
    assert (sentence.min(2) < 150).any()
    names = shown[top + step - 40 : top + step + 40, MARGIN : MARGIN + ROW_NAME_WIDTH]
    assert (names.min(2) < 100).any()


def test_the_poster_says_what_was_asked_for_what_all_have_in_common_and_what_to_read_with_care() -> None:
    def drawn(below: str = "", warned: bool = False, head: str = "") -> np.ndarray:
        file = draw_figure([[Tile(solid((0, 0, 9)), below, warned)]], [""], [""], head)
        return np.asarray(Image.open(io.BytesIO(file))).astype(int)

    def ink(picture: np.ndarray) -> np.ndarray:
        """The rows in which something stands, from the first on."""
        return np.flatnonzero((picture.min(2) < 200).any(1))

    orange = [int(WARNING_COLOUR[at : at + 2], 16) for at in (1, 3, 5)]
    plain = drawn()
    first, last = ink(plain)[[0, -1]]
    told = drawn("bull mastiff · 58.8%")
    assert ink(told)[0] == first
    assert last < ink(told)[-1] < told.shape[0] - MARGIN // 2
    assert not (told == orange).all(2).any()
    warned = drawn("bull mastiff · 58.8%", warned=True)
    signs = np.flatnonzero((warned == orange).all(2).any(1))
    assert signs[0] > last
    assert signs[-1] > ink(told)[-1]  # below it stands what the sign means
    headed = drawn(head="model shapes · layer features")
    assert MARGIN <= ink(headed)[0] < MARGIN + 16
    assert ink(headed)[-1] - last == headed.shape[0] - plain.shape[0] > 0


def test_names_that_are_too_long_are_broken_and_cut() -> None:
    assert wrap_text("one two", 400, 16, 3) == ["one two"]
    assert wrap_text("", 400, 16, 3) == [""]
    broken = wrap_text("features.denseblock4.denselayer16.conv2", 100, 16, 9)
    assert "".join(broken) == "features.denseblock4.denselayer16.conv2"
    assert len(broken) > 2
    cut = wrap_text("word " * 90, 100, 16, 3)
    assert len(cut) == 3
    assert cut[-1].endswith("…")
    assert matrix.filename_part("../../etc/passwd\n“x” y") == "etc-passwd-x-y"
    assert matrix.filename_part("...") == "model"


def test_the_requests_in_the_zip_make_the_same_bits_again(tmp_path: Path) -> None:
    model, pictures = catalogue.load("shapes"), {picture.id: picture for picture in examples()}
    rows = Axis("visualisation", ("grad-cam", "attention"), ("Grad-CAM", "Attention"))
    columns = Axis("input", tuple(FOUR[:2]), tuple(pictures[key].name for key in FOUR[:2]))
    cells = []
    for c, key in enumerate(columns.values):
        request = matrix.with_changes(BASE, {"input": key})
        raw = engine.run(request, model, pictures[key]).raw
        png = engine.sheet(request, raw, pictures[key].pixels, vmax=0.37).png
        cells.append(Cell(0, c, request, raw, png, vmax=0.37, caption="a star · 99.0%", note="Do not rely on it."))
        cells.append(
            Cell(1, c, matrix.with_changes(BASE, {"visualisation": "attention", "input": key}), message="No, because.")
        )
    head = "model shapes · layer features"
    (tmp_path / "matrix.zip").write_bytes(matrix.archive(cells, rows, columns, head))
    with zipfile.ZipFile(tmp_path / "matrix.zip") as kept:
        assert kept.read("matrix.png") == matrix.picture(cells, rows, columns, head)
        said_of = json.loads(kept.read("matrix.json"))
        assert said_of["rows"] == {"field": "visualisation", "values": list(rows.values), "names": list(rows.names)}
        assert len(kept.namelist()) == 2 + 2 * 2
        for cell, record in zip(cells, said_of["cells"], strict=True):
            request = Request.from_json(record["request"])
            assert request == cell.request
            if cell.raw is None:
                assert record["message"] == "No, because."
                assert "caption" not in record
                assert "note" not in record
                continue
            assert record["caption"] == "a star · 99.0%"
            assert record["note"] == "Do not rely on it."
            again = engine.run(request, model, pictures[request.input]).raw
            assert np.array_equal(again, np.load(io.BytesIO(kept.read(record["raw"]))))
            model_input_rgb = model.preprocessing.model_input_rgb(pictures[request.input])
            assert engine.sheet(request, again, model_input_rgb, vmax=record["vmax"]).png == kept.read(
                record["picture"]
            )


def test_of_pictures_that_are_made_it_is_said_how_sure_the_model_is_of_them_and_what_they_do_not_depend_on() -> None:
    query = {"visualisation": "class-picture", "target_class": "4", "steps": "40"}
    test = compare(compare_rows="layer", compare_input=",".join(FOUR[:2]), **query)
    assert remarks(test) == {"the same at every layer": "Class picture", "the same for every input": "Class picture"}
    model = catalogue.load("shapes")
    request = Request("shapes", FOUR[0], "features", "class-picture", (("steps", 40), ("target_class", 4)))
    shown = store.cached_result(request)  # an ascent made again may end elsewhere: its steps magnify rounding
    assert shown is not None
    sure = engine.predict(model, generated_picture(shown, model, examples()[0])).probabilities[4]
    assert sure > 0.5
    assert set(below(test)) == {f"{model.classes[4]} · {OutputKind.CLASSES.text(float(sure))}"}
