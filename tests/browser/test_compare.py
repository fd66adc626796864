"""The matrix of pictures as a person meets it, in a real Chromium."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.page import READY, SCREENSHOTS, faults, shown

SMALL = "compare.visualisation=grad-cam,attention,activations&compare.input=checked-heart,striped-ring"


def matrix(page: Page, width: int = 1280) -> None:
    """Go to the matrix, and wait until it is full."""
    if width < 768:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    full(page)


def box(element: Locator) -> tuple[float, float, float, float]:
    """Left, top, width and height of what stands on the page."""
    found = element.bounding_box()
    assert found
    return found["x"], found["y"], found["width"], found["height"]


def full(page: Page) -> None:
    expect(page.get_by_role("button", name="Download")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(300)
    expect(page.locator(READY)).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_nothing_overflows_overlaps_or_fails(dashboard: Callable[..., Page], width: int, height: int) -> None:
    page = dashboard("", width, height)
    matrix(page, width)
    SCREENSHOTS.mkdir(exist_ok=True)
    buttons = page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open .* in Explore$"))
    expect(buttons).to_have_count(16)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, 0)")
        page.locator(".st-key-matrix").evaluate("matrix => matrix.scrollTo(0, 0)")
        page.mouse.move(width - 5, 200)
        page.wait_for_timeout(400)
        page.screenshot(path=SCREENSHOTS / f"compare-{width}-{scheme}.png")
        assert faults(page) == []
        for cell, button in zip(page.locator("[class*=st-key-cell-]").all(), buttons.all(), strict=True):
            left, top, across, down = box(cell)
            assert abs(across - down) < 1
            assert across >= 110
            assert box(button) == pytest.approx((left, top, across, down), abs=1)
        for cell, below in zip(
            page.locator("[class*=st-key-cell-]").all(), page.locator("[class*=st-key-below-]").all(), strict=True
        ):
            expect(below).to_have_text(re.compile(r"\S+ · (\d+\.\d|<0\.1)%$"))
            assert box(below)[1] >= box(cell)[1] + box(cell)[3] - 1
        buttons.last.hover()
        page.wait_for_timeout(400)
        page.screenshot(path=SCREENSHOTS / f"compare-{width}-{scheme}-below.png")
        name, last = box(page.locator(".st-key-row-3 > :first-child")), box(buttons.last)
        assert 0 <= name[0] < name[0] + name[2] <= last[0]  # the name stays when the row scrolls
        assert last[0] + last[2] <= width
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_is_a_button_that_opens_it_in_explore(dashboard: Callable[..., Page]) -> None:
    page = dashboard(f"?{SMALL}")
    matrix(page)
    expect(page.locator(".st-key-cell-1-0")).to_contain_text("use Grad-CAM")
    cell = page.get_by_role("button", name="Open Grad-CAM of striped ring (shapes, features) in Explore")
    cell.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Grad-CAM of striped ring (shapes, features), for striped ring")
    cell.click()
    shown(page, "striped ring")
    expect(page).to_have_url(
        re.compile(r"/\?model=shapes&input=striped-ring&layer=features&visualisation=grad-cam&v=2$")
    )
    page.get_by_role("link", name="Compare").click()
    full(page)
    expect(page.locator(".st-key-matrix").get_by_role("img", name=re.compile("Grad-CAM|Activations"))).to_have_count(4)
    assert "compare.input=checked-heart%2Cstriped-ring" in page.url


def test_all_of_it_is_downloaded(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    page = dashboard(f"?{SMALL}")
    matrix(page)
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="All files (ZIP)").click()
    download.value.save_as(tmp_path / "matrix.zip")
    with page.expect_download() as download:
        page.get_by_role("button", name="Figure (PNG)").click()
    download.value.save_as(SCREENSHOTS / "matrix.png")
    assert faults(page) == []
    with zipfile.ZipFile(tmp_path / "matrix.zip") as kept:
        assert kept.testzip() is None
        assert kept.read("matrix.png") == (SCREENSHOTS / "matrix.png").read_bytes()
        cells = json.loads(kept.read("matrix.json"))["cells"]
        assert [cell["request"]["visualisation"] for cell in cells[::2]] == ["grad-cam", "attention", "activations"]
        for cell in cells:
            if cell["row"] == "Attention":
                assert "use Grad-CAM" in cell["message"]
            else:
                assert np.isfinite(np.load(io.BytesIO(kept.read(cell["raw"])))).all()
                assert Image.open(io.BytesIO(kept.read(cell["picture"]))).width >= 128


def test_a_link_leads_straight_to_the_matrix(dashboard: Callable[..., Page]) -> None:
    query = "compare.rows=layer&compare.columns=visualisation&compare.layer=features.4,features"
    page = dashboard(f"compare?{query}", at_rest=False)
    full(page)
    first = page.get_by_role("button", name="Open Layer-CAM of checked heart (shapes, features.4) in Explore")
    expect(first).to_be_visible()
    expect(page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open"))).to_have_count(8)


def test_cells_fill_as_they_are_done_and_one_scale_is_a_choice(dashboard: Callable[..., Page]) -> None:
    slow = "visualisation=occlusion&stride=8"
    query = "compare.visualisation=occlusion,layer-cam&compare.input=striped-ring,checked-heart"
    page = dashboard(f"compare?{slow}&{query}&compare.scale=own", at_rest=False)
    cell = page.locator(".st-key-cell-0-0")
    expect(cell).to_contain_text(re.compile(r"Computing: \d+%"), timeout=60_000)
    expect(page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open"))).not_to_have_count(4)
    full(page)
    pictures = page.locator("[class*=st-key-cell-] img")
    expect(pictures).to_have_count(4)
    own = [picture.get_attribute("src") for picture in pictures.all()]
    page.get_by_text("Shared scale", exact=True).click()
    expect(page).to_have_url(re.compile("compare.scale=one"))
    full(page)
    expect(page.get_by_text("Visualisations measure different things")).to_be_visible()
    shared = [picture.get_attribute("src") for picture in pictures.all()]
    assert sum(one == other for one, other in zip(own, shared, strict=True)) == 1  # the brightest stays as it is
    page.get_by_text("Separate scales", exact=True).click()
    expect(page).to_have_url(re.compile("compare.scale=own"))
    full(page)
    assert [picture.get_attribute("src") for picture in pictures.all()] == own


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_many_are_removed_one_after_another_and_enter_takes_the_best_match(
    dashboard: Callable[..., Page], width: int, height: int
) -> None:
    chosen = "grad-cam,xgrad-cam,hires-cam,layer-cam,eigen-cam,activations,back-prop"
    query = f"compare.visualisation={chosen}&compare.columns=layer&compare.layer=features"
    page = dashboard(f"compare?{query}", width, height, at_rest=False)
    full(page)
    shown = page.locator(".st-key-compare-visualisation")
    for name in ("Back Prop", "HiRes-CAM", "Grad-CAM", "Eigen-CAM", "XGrad-CAM"):
        left, top, across, down = box(shown.get_by_role("button", name=f"Remove {name}", exact=True))
        page.mouse.click(left + across / 2, top + down / 2)  # where it is now: nothing is scrolled to it
    expect(shown.locator("[data-tag-index]")).to_have_text(["Layer-CAM", "Activations"])
    full(page)
    layers = page.get_by_role("combobox", name="Layers")
    layers.fill("features.7")
    expect(page.get_by_role("option")).to_have_count(4)
    layers.press("Enter")
    expect(page.locator(".st-key-compare-layer [data-tag-index]")).to_have_text(["features", "features.7"])
    expect(page).to_have_url(re.compile("compare.visualisation=layer-cam%2Cactivations&.*features%2Cfeatures.7"))


def test_no_letter_is_lost_while_pictures_are_computed_and_targets_are_entered(dashboard: Callable[..., Page]) -> None:
    slow = "visualisation=occlusion&stride=8&compare.visualisation=occlusion"
    page = dashboard(f"compare?{slow}&compare.rows=input&compare.input=checked-heart", at_rest=False)
    inputs = page.get_by_role("combobox", name="Inputs")
    inputs.click()
    for typed in ("striped ring", "dotted ring"):  # the second while the run for the first begins
        page.keyboard.type(typed, delay=30)
        expect(inputs).to_have_value(typed)
        page.keyboard.press("Enter")
    tags = page.locator(".st-key-compare-input [data-tag-index]")
    expect(tags).to_have_text(["checked heart", "striped ring", re.compile("^dotted ring")])
    page.get_by_text("Targets", exact=True).last.click()
    field = page.get_by_role("combobox", name="Targets")
    field.click()
    page.keyboard.type("checked heart - striped ring", delay=10)
    page.keyboard.press("Enter")
    page.keyboard.type("nonsense", delay=10)
    expect(field).to_have_value("nonsense")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stAlert").filter(has_text="nonsense")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"compare.target=\d+%2C\d+%2C\d\d?\+-\+\d\d?%2C21\+-\+4(&|$)"))
    expect(page.locator(".st-key-row-names")).to_contain_text("checked heart minus striped ring")


def test_the_inputs_the_scales_and_all(dashboard: Callable[..., Page]) -> None:
    query = "compare.visualisation=grad-cam,back-prop&compare.input=checked-heart,striped-ring&signed=on"
    for width, height, scheme in ((1280, 900, "light"), (390, 844, "dark")):
        page = dashboard(f"compare?{query}", width, height, scheme, at_rest=False)
        full(page)
        bar = page.locator(".st-key-row-0").get_by_role("img", name=re.compile("^The colours stand for values from -"))
        expect(bar).to_be_visible()
        expect(page.locator(".st-key-row-1")).to_contain_text(re.compile(r"maximum 0\.\d+"))
        shown = box(page.locator(".st-key-input-1"))
        assert shown[2:] == pytest.approx(box(page.locator(".st-key-cell-0-1"))[2:], abs=1)
        assert faults(page) == []
    page.get_by_text("Show the inputs").click()
    expect(page.locator(".st-key-input-1")).to_have_count(0)
    expect(page).to_have_url(re.compile("compare.inputs=off"))
    page.get_by_role("button", name="All", exact=True).last.click()
    expect(page.locator(".st-key-compare-input [data-tag-index]")).to_have_count(8)


def test_a_note_is_seen_and_heard(dashboard: Callable[..., Page]) -> None:
    query = "layer=features.1&compare.visualisation=grad-cam,layer-cam&compare.input=checked-heart"
    page = dashboard(f"compare?{query}", at_rest=False)
    full(page)
    expect(page.locator(".st-key-below-0-0").get_by_role("img", name="warning")).to_be_visible()
    expect(page.locator(".st-key-below-1-0").get_by_role("img")).to_have_count(0)
    assert faults(page) == []
    page.get_by_role("button", name=re.compile("^Open Grad-CAM .* in Explore. Do not rely on Grad-CAM")).hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Do not rely on Grad-CAM here")


def test_what_is_shared_opens_the_same_matrix(dashboard: Callable[..., Page]) -> None:
    page = dashboard("compare?compare.rows=layer&compare.layer=features.4&compare.input=striped-ring", at_rest=False)
    full(page)
    page.get_by_role("button", name="Share").click()
    link = page.get_by_test_id("stPopoverBody").locator("code").inner_text()
    assert link == page.url
    assert "/compare?" in link
    assert faults(page) == []


def test_a_picture_that_is_added_joins_those_that_are_compared(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    page = dashboard("compare?compare.visualisation=grad-cam&compare.input=checked-heart", at_rest=False)
    full(page)
    photo = tmp_path / "holiday.png"
    Image.new("RGB", (40, 40), "red").save(photo)
    page.locator("input[type=file]").set_input_files(photo)
    cells = page.locator(".st-key-matrix").get_by_role("button", name=re.compile("^Open Grad-CAM of"))
    expect(cells).to_have_count(2, timeout=60_000)
    expect(cells.first).to_have_accessible_name(re.compile("holiday"))


def test_models_stand_beside_each_other(dashboard: Callable[..., Page]) -> None:
    query = "compare.rows=model&compare.columns=layer&compare.model=shapes,squeezenet1_1-untrained"
    page = dashboard(f"compare?{query}&compare.layer=features.4,features", at_rest=False)
    full(page)
    names = [f"Open Grad-CAM of checked heart ({model}, " for model in ("shapes", "squeezenet1_1-untrained")]
    for name in names:
        expect(page.locator(".st-key-matrix").get_by_role("button", name=name)).to_have_count(2)
