"""Explore in a real Chromium: the numbers under the pointer, targets by pointing, what is taken home."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from torch import Tensor, nn

from mirror_app import engine
from mirror_app.bundled.examples import examples
from mirror_app.engine.request import Request
from mirror_app.export import package
from mirror_app.models import catalogue
from mirror_app.params import Value
from mirror_app.ui.appearance.inline import data_url
from mirror_app.ui.common import feature_maps
from mirror_app.visualisations.web import offer
from tests.browser.page import SCREENSHOTS, choose, faults, settled, shown


def hover(page: Page, image: Locator, across: float, down: float) -> None:
    """Put the pointer on an image, at those shares of its width and height."""
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def test_the_number_under_the_pointer_is_the_raw_one(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?layer=features.9")
    model, picture = catalogue.load("shapes"), examples()[0]
    raw = engine.run(package.read_request(json.dumps({"request": REQUEST})), model, picture).raw[0]
    image = page.get_by_test_id("stMain").get_by_test_id("stImage").first.locator("img")
    legend = page.get_by_role("img", name="The colours go from 0 to 0.")
    expect(legend).to_be_visible()
    for row, column in ((4, 8), (0, 0), (15, 15), (12, 3)):
        hover(page, image, (column + 0.5) / 16, (row + 0.5) / 16)
        line = page.get_by_text(f"row {row}, column {column}: ")
        expect(line).to_be_visible()
        assert float(line.inner_text().rpartition(" ")[2]) == pytest.approx(
            raw[row, column], abs=2e-3 * float(abs(raw).max())
        )
        share = min(1, max(0, raw[row, column] / raw.max()))  # the picture's peak, enlarged, is a little lower
        assert float(legend.locator("b").evaluate("tick => tick.style.left").rstrip("%")) == pytest.approx(
            100 * share, abs=4
        )
    page.mouse.move(5, 5)
    expect(page.get_by_text("Hover over the picture")).to_be_visible()
    expect(legend.locator("b")).to_be_hidden()
    image.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("row 8, column 9: ")).to_be_visible()


REQUEST = {
    "model": "shapes",
    "input": "checked-heart",
    "layer": "features.9",
    "visualisation": "grad-cam",
    "params": {},
}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_map_and_then_a_unit_of_it_become_the_target(dashboard: Callable[..., Page], width: int, scheme: str) -> None:
    page = dashboard("?layer=features.4&visualisation=activations", width, 900, scheme)
    page.get_by_role("button", name="3", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Explain this map")).to_be_visible()
    image = dialog.get_by_test_id("stImage").locator("img")
    hover(page, image, 17.5 / 32, 2.5 / 32)
    page.mouse.down()
    page.mouse.up()
    unit = dialog.get_by_role("button", name="Explain row 2, column 17")
    expect(unit).to_be_visible()
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"pointing-{width}-{scheme}.png")
    assert faults(page) == []
    unit.click()
    shown(page, "channel 3 of features.4 in row 2, column 17")
    assert "visualisation=back-prop" in page.url


def test_the_map_that_fires_most_comes_first_and_keeps_its_number(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?layer=features.4&visualisation=activations&order=strongest+first")
    request = {**REQUEST, "layer": "features.4", "visualisation": "activations"}
    raw = engine.run(
        package.read_request(json.dumps({"request": request})), catalogue.load("shapes"), examples()[0]
    ).raw
    strongest = int(raw[0].max((1, 2)).argmax())
    first = page.get_by_role("group", name="Feature maps").get_by_role("button").first
    expect(first).to_have_attribute("aria-label", str(strongest))
    first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(f"Map {strongest}")).to_be_visible()
    expect(dialog.get_by_text(f"{raw.max():.3g}", exact=True)).to_be_visible()


KERNELS = {
    "first": ("shapes", "features.0", 5, "Filter 5 of"),
    "later": ("shapes", "features.4", 5, "Filter 0, channel 5 of"),
    "first, ResNet": ("resnet18", "conv1", 63, "Filter 63 of"),
    "later, ResNet, 1 × 1": ("resnet18", "layer2.0.downsample.0", 63, "Filter 0, channel 63 of"),
    "depthwise": ("mobilenet_v2", "features.1.conv.0.0", 9, "Filter 9 of"),
    "in groups": ("regnet_y_400mf", "trunk_output.block1.block1-0.f.b.0", 3, "Filter 0, channel 3 of"),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_that_is_clicked_on_is_shown_large_with_its_numbers(dashboard: Callable[..., Page], name: str) -> None:
    model_name, layer, number, title = KERNELS[name]
    full = model_name if model_name == "shapes" else model_name + catalogue.UNTRAINED
    page = dashboard(f"?model={full}&layer={layer}&visualisation=kernels")
    raw = engine.run(Request(full, "", layer, "kernels"), catalogue.load(full), examples()[0]).raw[number]
    page.get_by_role("group", name="Kernels").get_by_role("button", name=str(number), exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{title} {layer}")
    image = dialog.get_by_test_id("stImage").locator("img")
    rows, columns = raw.shape[1:]
    hover(page, image, 0.5 / columns, (rows - 0.5) / rows)
    line = dialog.get_by_text(f"row {rows - 1}, column 0: ")
    found = [float(figure) for figure in re.findall(r"-?\d+\.\d+(?:e-\d+)?", line.inner_text())]
    assert found == pytest.approx(raw[:, rows - 1, 0].tolist(), rel=5e-3, abs=1e-4 * float(abs(raw).max()))
    assert ("red" in line.inner_text()) == (len(raw) == 3)
    expect(dialog.get_by_text(f"{raw.max():.3g}", exact=True).first).to_be_visible()


def test_of_several_coloured_images_of_ones_own_each_has_its_three_numbers() -> None:
    @offer("Twice")
    def twice(model: nn.Module, inputs: Tensor, layer: nn.Module) -> Tensor:
        return torch.cat([inputs, 1 - inputs])

    raw = np.random.default_rng(0).random((2, 3, 4, 5))
    assert np.array_equal(feature_maps._values(twice.entry, raw, 1, 2), raw[1])


def test_a_picture_is_taken_home_with_all_that_made_it(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    page = dashboard("?layer=features.4&visualisation=layer-cam&target_class=7&colours=viridis")
    page.get_by_role("button", name="Download").click()
    for ending in (".png", ".npy", ".zip"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"({ending[1:].upper()})").click()
        assert download.value.suggested_filename == f"layer-cam-features.4{ending}"
        download.value.save_as(tmp_path / f"file{ending}")
    model, picture = catalogue.load("shapes"), examples()[0]
    with zipfile.ZipFile(tmp_path / "file.zip") as archive:
        told = archive.read("request.json").decode()
        request = package.read_request(told)
        assert archive.read("picture.png") == (tmp_path / "file.png").read_bytes()
        assert archive.read("raw.npy") == (tmp_path / "file.npy").read_bytes()
    assert json.loads(told)["info"]["target_name"] == model.classes[7]
    result = engine.run(request, model, picture)
    assert np.load(tmp_path / "file.npy").tobytes() == result.raw.tobytes()


def test_all_maps_of_a_layer_are_taken_home_as_one_picture(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    page = dashboard("?layer=features&visualisation=activations")
    settled(page)
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="(PNG)").click()
    download.value.save_as(tmp_path / "maps.png")
    with Image.open(tmp_path / "maps.png") as saved:
        assert saved.size == (8 * 16, 18 * 16)


def test_a_picture_outlives_what_the_server_remembers(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    before = page.get_by_role("img", name="The visualisation").get_attribute("src")
    page.locator(".stSwitch, .stCheckbox").get_by_text("Guided").click()
    page.wait_for_function("before => document.querySelector('.st-key-picture img').src !== before", arg=before)
    settled(page)
    assert page.evaluate("async before => (await fetch(before)).ok", before)


def test_a_colour_map_is_chosen_and_what_speaks_against_is_shown(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?layer=features.9")
    model, picture = catalogue.load("shapes"), examples()[0]
    model_input_rgb = model.preprocessing.model_input_rgb(picture)

    def is_shown(**look: Value) -> None:
        """The picture becomes, byte for byte, that of the engine with this look."""
        request = package.read_request(json.dumps({"request": {**REQUEST, "params": look}}))
        png = package.still(request, engine.run(request, model, picture).raw, model_input_rgb)
        expect(page.get_by_role("img", name="The visualisation")).to_have_attribute("src", data_url(png))
        settled(page)

    is_shown()
    page.get_by_text("Look", exact=True).click()
    page.get_by_text("heat map", exact=True).click()
    is_shown(show="heat map")
    choose(page, "Colours", "jet")
    is_shown(show="heat map", colours="jet")
    page.get_by_text("Also show evidence against").click()
    is_shown(show="heat map", colours="jet", signed=True)
    expect(page.get_by_role("img", name="The colours go from -")).to_have_text(re.compile(r"^against -\S+\d for$"))
    choose(page, "Colours", "purple-orange")
    is_shown(show="heat map", colours="jet", signed=True, signed_colours="purple-orange")
    choose(page, "Colours", "blue-red")
    page.get_by_text("over the picture", exact=True).click()
    strength = page.get_by_role("slider", name="Strength")
    strength.focus()
    strength.press("End")
    is_shown(colours="jet", signed=True, strength=1.0)


def test_a_click_on_the_model_input_shows_what_that_location_looks_at(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?visualisation=attention&heads=mean", at_rest=False)
    page.get_by_role("button", name="Show it with the bundled transformer").click()
    settled(page)
    assert "model=shapes-transformer" in page.url
    picture = page.get_by_test_id("stImage").locator("img[aria-label*='checked heart']")
    box = picture.bounding_box()
    assert box is not None
    picture.click(position={"x": box["width"] * 0.27, "y": box["height"] * 0.77})
    shown(page, "from 98,34")
    field = page.get_by_role("textbox", name="Location")
    expect(field).to_have_value("98,34")
    assert faults(page) == []
    page.screenshot(path=SCREENSHOTS / "location.png")
    picture.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(field).to_have_value(re.compile(r"\d+,\d+"))
