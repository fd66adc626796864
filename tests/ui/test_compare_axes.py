"""What varies in the matrix: targets, entered or chosen; and what its pictures share: a scale, a bar, their inputs."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from mirror_app import engine, render
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export import figure, matrix
from mirror_app.export.figure import ColourBars, Tile, draw_figure
from mirror_app.export.matrix import Axis, Cell
from mirror_app.models import catalogue
from mirror_app.ui import store
from mirror_app.ui.common import choices
from mirror_app.ui.compare import arrangement, cells, target_axis
from mirror_app.ui.compare.arrangement import COLUMN, ONE, OWN, ROW
from tests.app import captions, containers, page, plain, said
from tests.refused import refused
from tests.ui.test_compare import FOUR, below, compare, opens, refusals
from tests.ui.test_page import _empty_caches  # noqa: F401 - a fixture

PAIR = {"compare_visualisation": "grad-cam,layer-cam", "compare_input": ",".join(FOUR[:2])}


def linked(test: AppTest) -> dict[str, str]:
    """The parameters of the page's address."""
    return {name: text if isinstance(text, str) else text[0] for name, text in test.query_params.items()}


def bars(test: AppTest) -> list[str]:
    """What the colour bars say to those who hear the page."""
    marked = [part.value for part in test.markdown if "mirror-colour-bar" in part.value]
    return [label.partition('"')[0] for part in marked for label in part.split('aria-label="')[1:]]


def vmax_of(request: Request) -> float:
    picture = next(picture for picture in examples() if picture.id == request.input)
    vmax = engine.vmax(request, engine.run(request, store.model("shapes"), picture).raw, picture.pixels)
    assert vmax is not None
    return vmax


def test_the_two_most_likely_classes_and_their_difference_are_the_first_targets() -> None:
    test = compare(compare_columns="target", compare_visualisation="grad-cam,activations")
    model = store.model("shapes")
    first, second = engine.predict(model, examples()[0]).probabilities.argsort()[::-1][:2].tolist()
    names = [model.classes[first], model.classes[second], f"{model.classes[first]} minus {model.classes[second]}"]
    assert [text.partition(" · ")[0] for text in below(test)[:3]] == names
    assert test.session_state["compare.target"] == [str(first), str(second), f"{first} - {second}"]
    assert "compare.target" not in test.query_params
    assert any("The same for every target: Activations." in caption for caption in captions(test))
    assert [title.partition("target ")[2].rstrip(")") for title in opens(test)[:3]] == names
    test.button(key="open-0-1").click().run()
    opened = Request("shapes", FOUR[0], "features", "grad-cam", (("target_class", second),))
    assert test.session_state.mirror.request == opened
    test.switch_page("../pages/compare.py").run()
    assert [text.partition(" · ")[0] for text in below(test)[:3]] == names
    test = compare(compare_columns="target", compare_visualisation="grad-cam", target_class="3")
    assert [text.removeprefix(f"{cells.WARNING} ").partition(" · ")[0] for text in below(test)] == [
        model.classes[3],
        *names,
    ]


def test_a_link_holds_any_target_even_with_commas() -> None:
    few = {"compare_columns": "target", "compare_visualisation": "grad-cam", "layer": "features.1"}
    chosen = ["features.8:3@4%2C5", "3 - 5", "4 down", "features.8:3@1-2%2C3-4"]
    test = compare(**few, compare_target=",".join(chosen))
    names = ["channel 3 of features.8 in row 4, column 5", "zigzag disc minus checked ring", "what lowers striped ring"]
    names += ["channel 3 of features.8 in rows 1 to 2, columns 3 to 4"]
    assert [text.removeprefix(f"{cells.WARNING} ") for text in below(test)] == names
    assert linked(test)["compare.target"] == ",".join(chosen)
    again = page(**linked(test)).switch_page("../pages/compare.py").run()
    assert (opens(again), below(again)) == (opens(test), below(test))
    assert said(again) == []
    for text in ("a,b", "100%", "%2C", "%252C,%", ""):
        assert choices._decoded(choices._encoded(text)) == text
        assert "," not in choices._encoded(text)


def test_an_entered_target_is_understood_as_in_the_sidebar_and_a_wrong_one_is_dropped_with_a_sentence() -> None:
    test = compare(compare_columns="target", compare_visualisation="grad-cam", compare_target="3")
    entered = ["3", "checked heart - striped ring", "nonsense", "checked heart down", "4"]
    test.session_state["compare.target"] = entered
    test.run()
    assert [sentence for sentence in said(test) if "nonsense" in sentence]
    assert test.session_state["compare.target"] == [text for text in entered if text != "nonsense"]
    model = store.model("shapes")
    heart, ring = model.classes.index("checked heart"), model.classes.index("striped ring")
    assert linked(test)["compare.target"] == f"3,{heart} - {ring},{heart} down,4"
    assert said(test.run()) == []
    for wrong in ("nonsense", "a - " * 100_000, "", "99", "3 - 99"):
        with refused(wrong):
            target_axis.read(wrong, model)
    with pytest.raises(MirrorError, match="No class 97: classes run from 0 to 31"):
        target_axis.read("97", model)


def test_targets_of_another_model_are_those_of_the_same_name() -> None:
    classes, others = ["cat", "dog", "owl"], ["fish", "dog", "cat"]
    assert matrix.corresponding_target("0 - 1", classes, others) == "2 - 1"
    assert matrix.corresponding_target("1 - 0 down", classes, others) == "1 - 2 down"
    assert matrix.corresponding_target("0 down", classes, others) == "2 down"
    assert matrix.corresponding_target("0 - 2", classes, others) is None
    assert matrix.corresponding_target(0, classes, others) == 2
    assert matrix.corresponding_target(None, classes, others) is None
    assert matrix.corresponding_target('text "a cat"', classes, others) == 'text "a cat"'
    query = {"compare_rows": "model", "compare_columns": "target", "compare_target": "3,features.4:1"}
    test = compare(**query, compare_model="shapes,squeezenet1_1-untrained", layer="features.1")
    assert refusals(test) == ["squeezenet1_1-untrained does not have the target 'zigzag disc'."]
    test.session_state["model"], test.session_state["untrained"] = "squeezenet1_1", True
    test.session_state["compare.model"] = ["squeezenet1_1-untrained"]
    assert linked(test.run())["compare.target"] == "features.4:1"  # the class is gone, the channel stays


def test_methods_have_a_scale_each_unless_something_else_is_asked_for() -> None:
    def scales(rows: str, columns: str) -> tuple[list[str], str]:
        return arrangement.scales_for(*(Axis(field, (), ()) for field in (rows, columns)))

    assert scales("visualisation", "input") == ([OWN, ROW, ONE], ROW)
    assert scales("target", "visualisation") == ([OWN, COLUMN, ONE], COLUMN)
    assert scales("visualisation", "layer") == ([OWN, ROW, ONE], OWN)
    assert scales("model", "visualisation") == ([OWN, COLUMN, ONE], OWN)
    assert scales("input", "target") == ([OWN, ROW, ONE], OWN)
    test = compare(**PAIR)
    requests = [[Request("shapes", id_, "features", key) for id_ in FOUR[:2]] for key in ("grad-cam", "layer-cam")]
    shared = [max(map(vmax_of, row)) for row in requests]
    assert bars(test) == [f"The colours stand for values from 0 to {vmax:.3g}." for vmax in shared]
    assert "compare.scale" not in test.query_params
    test.session_state["compare.rows"], test.session_state["compare.columns"] = "input", "visualisation"
    assert bars(test.run()) == [f"The colours stand for values from 0 to {vmax:.3g}." for vmax in shared]
    test.session_state["compare.rows"], test.session_state["compare.columns"] = "layer", "input"
    assert bars(test.run()) == []  # the default followed
    assert "compare.scale" not in test.query_params
    for scale, count in ((OWN, 0), (ONE, 1), (ROW, 2)):
        assert len(bars(compare(**PAIR, compare_scale=scale))) == count
    other_colours = compare(**PAIR, compare_scale=ONE, signed="on")  # Grad-CAM only
    assert len(bars(other_colours)) == 2
    assert sum("from -" in bar for bar in bars(other_colours)) == 1


def test_all_pictures_of_a_row_are_drawn_on_its_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[tuple[str, str], float | None] = {}
    thumbnail = store.thumbnail

    def recorded(selection: store.Selection, raw: np.ndarray, vmax: float | None) -> bytes:
        drawn[selection.request.visualisation, selection.request.input] = vmax
        return thumbnail(selection, raw, vmax)

    monkeypatch.setattr(store, "thumbnail", recorded)
    compare(**PAIR)
    for key in ("grad-cam", "layer-cam"):
        expected = max(vmax_of(Request("shapes", id_, "features", key)) for id_ in FOUR[:2])
        assert {drawn[key, id_] for id_ in FOUR[:2]} == {expected}


def test_the_inputs_stand_beside_their_pictures_until_they_are_switched_off() -> None:
    def inputs(test: AppTest) -> list[str]:
        return list(containers(test, r"input-\d+|row-inputs"))

    test = compare(**PAIR)
    assert inputs(test) == ["row-inputs", "input-0", "input-1"]
    assert "compare.inputs" not in test.query_params
    test.session_state["compare.rows"], test.session_state["compare.columns"] = "input", "visualisation"
    assert inputs(test.run()) == ["input-0", "input-1"]
    test.toggle(key="compare.inputs").set_value(False)
    assert inputs(test.run()) == []
    assert linked(test)["compare.inputs"] == "off"
    assert inputs(page(**linked(test)).switch_page("../pages/compare.py").run()) == []
    test.session_state["compare.rows"], test.session_state["compare.columns"] = "layer", "visualisation"
    assert [toggle for toggle in test.run().toggle if toggle.key == "compare.inputs"] == []


def test_all_takes_as_many_as_fit_and_says_so() -> None:
    test = compare(compare_rows="layer", compare_columns="target", compare_layer="features.1", compare_target="3")
    test.button(key="all-target").click().run()
    chosen = test.session_state["compare.target"]
    assert (len(chosen), chosen[0], len(set(chosen))) == (8, "3", 8)
    assert any("8 × 8" in caption for caption in captions(test))
    test = compare(
        compare_columns="layer", compare_visualisation="grad-cam", compare_layer="features.1", model="shapes"
    )
    test.button(key="all-visualisation").click().run()
    assert len(test.session_state["compare.visualisation"]) == 8


def test_the_figure_has_a_bar_for_what_shares_a_scale() -> None:
    legend = render.Legend(("#000000", "#ff0000"), 0.0, 2.0)
    tiles = [[Tile("")], [Tile("")]]

    def reds(colour_bars: ColourBars) -> np.ndarray:
        """The places, (row, column), of the last colour of the bars."""
        drawn = Image.open(io.BytesIO(draw_figure(tiles, ["a", "b"], ["c"], "title", colour_bars)))
        return np.argwhere((np.asarray(drawn) == (255, 0, 0)).all(2))

    def starts(places: np.ndarray) -> int:
        return len(np.unique(places[:, 0])) // figure.BAR_HEIGHT

    assert len(reds(ColourBars())) == 0
    rows = reds(ColourBars(rows=[legend, legend]))
    assert starts(rows) == 2
    assert rows[:, 1].max() < figure.MARGIN + figure.ROW_NAME_WIDTH
    assert starts(reds(ColourBars(rows=[None, legend]))) == 1
    for one in (ColourBars(columns=[legend]), ColourBars(shared=[legend])):
        places = reds(one)
        assert starts(places) == 1
        assert places[:, 1].min() > figure.MARGIN + figure.ROW_NAME_WIDTH


def test_files_hold_the_inputs_and_say_the_scale() -> None:
    def solid(colour: tuple[int, int, int]) -> bytes:
        return render.png(np.full((8, 8, 3), colour, np.uint8))

    rows, columns = Axis("visualisation", ("grad-cam",), ("Grad-CAM",)), Axis("input", ("x", "y"), ("x", "y"))
    legend = render.Legend(("#000000", "#ff0000"), 0.0, 2.0)
    request = Request("shapes", "x", "features", "grad-cam")
    made = [Cell(0, n, request, np.ones((1, 2, 2)), solid((9, 9, 9)), vmax=2.0, legend=legend) for n in range(2)]
    inputs: list[bytes | str] = [solid((0, 200, 0)), "It cannot be shown."]
    with zipfile.ZipFile(io.BytesIO(matrix.archive(made, rows, columns, "", ROW, inputs))) as files:
        assert files.read("input 1 x.png") == inputs[0]
        assert "input 2 y.png" not in files.namelist()
        summary = json.loads(files.read("matrix.json"))
        assert summary["scale"] == ROW
        assert [record["vmax"] for record in summary["cells"]] == [2.0, 2.0]
        shown = np.asarray(Image.open(io.BytesIO(files.read("matrix.png"))))
    greens, reds = ((shown == colour).all(2).any() for colour in ((0, 200, 0), (255, 0, 0)))
    assert greens
    assert reds
    swapped = [Cell(cell.column, cell.row, request, cell.raw, cell.picture, legend=legend) for cell in made]
    sideways = np.asarray(Image.open(io.BytesIO(matrix.picture(swapped, columns, rows, "", COLUMN, inputs))))
    assert sideways.shape[1] > figure.MARGIN + figure.ROW_NAME_WIDTH + 2 * figure.TILE_SIDE
    assert (sideways == (0, 200, 0)).all(2).any()
    assert (sideways == (255, 0, 0)).all(2).any()


def test_duplicate_names_of_classes_tell_their_numbers() -> None:
    model = catalogue.load("shapes")
    test = compare(compare_columns="target")
    options = test.multiselect(key="compare.target").options
    assert len(set(options)) == len(options)
    assert [plain(name) for name in model.classes if name not in options] == []
