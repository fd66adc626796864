"""The dashboard as a person meets it, in a real Chromium."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.page import CACHED, COMPUTED, EVERY_STAGE, READY, UNCHANGED, choose, faults_by_theme, settled, shown

# A line on which what the server says takes a second and a half, once `slow` is set.
SLOW_LINE = """
const add = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function (kind, listen) {
  const late = (event) => (window.slow ? setTimeout(() => listen(event), 1500) : listen(event));
  add.call(this, kind, kind === "message" ? late : listen);
};
"""


def photograph() -> bytes:
    """A JPEG as a camera gives it: not square, turned by its EXIF orientation."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize((900, 600), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_photograph_from_the_camera_is_looked_at_and_removed(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    page.get_by_role("button", name="Camera").click()
    page.wait_for_function("document.querySelector('video')?.readyState === 4")  # the camera gives pictures
    page.get_by_role("button", name="Take Photo").click()
    own = page.get_by_role("button", name="Remove")
    expect(own).to_be_visible()
    settled(page)
    assert "input=checked-heart" not in page.url
    page.keyboard.press("Escape")
    own.click()
    expect(own).to_be_hidden()
    settled(page)


def test_a_first_visit_from_picture_to_enlarged_map(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    page = dashboard()
    expect(page.get_by_role("heading", name="checked heart")).to_be_visible()
    shown(page, UNCHANGED)

    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(photograph())
    page.locator("input[type=file]").set_input_files(photo)
    expect(page.get_by_text("holiday.jpg ·")).to_be_visible()
    expect(page.get_by_role("group", name="Inputs").get_by_role("button", name="holiday.jpg")).to_be_in_viewport(
        ratio=1
    )
    page.get_by_role("radio", name="Original").click()
    expect(page.get_by_text("holiday.jpg · 600 × 900 pixels")).to_be_visible()

    tree = page.get_by_role("tree")
    tree.get_by_text("features", exact=True).click()  # it is selected: a click opens it
    tree.get_by_text("4", exact=True).click()
    shown(page, "features.4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    shown(page, "features.4.0")

    choose(page, "Target", "dotted heart")
    shown(page, "dotted heart")
    page.get_by_text("Guided", exact=True).click()
    shown(page, COMPUTED)

    choose(page, "Visualisation", "Activations")
    expect(page.get_by_text("Activations · ").first).to_be_visible()
    page.get_by_text("all maps", exact=True).click()  # nothing is folded away where there is little to set
    shown(page, CACHED)
    expect(page).to_have_url(re.compile("scale=all"))

    maps = page.get_by_role("group", name="Feature maps")
    expect(maps.get_by_role("button")).to_have_count(64)
    page.get_by_role("button", name="Page 2").click()
    expect(maps.get_by_role("button", name="64", exact=True)).to_be_visible()
    maps.get_by_role("button", name="70", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Map 70")
    for figure in ("Minimum", "Maximum", "Mean", "Zeros"):
        expect(dialog).to_contain_text(figure)


def test_a_click_in_the_strip_selects_that_input(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    strip = page.get_by_role("group", name="Inputs")
    third = strip.get_by_role("button").nth(2)
    name = third.get_attribute("aria-label") or third.inner_text()
    third.click()
    expect(page.get_by_text(f"{name} · 128 × 128 pixels")).to_be_visible()
    expect(page).to_have_url(re.compile(f"input={name.replace(' ', '-')}&"))


def test_on_a_slow_line_one_goes_quickly_back_to_a_picture_from_before(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    page.add_init_script(SLOW_LINE)
    page.reload()
    settled(page)
    inputs = page.get_by_role("group", name="Inputs").get_by_role("button")
    first = inputs.first.get_attribute("title")
    inputs.nth(1).click()
    expect(page.get_by_text(f"{inputs.nth(1).get_attribute('title')} · 128 × 128 pixels")).to_be_visible()
    settled(page)
    page.evaluate("window.slow = true")
    inputs.nth(2).click()
    page.wait_for_timeout(900)  # the server has run, and nothing of it is here yet
    inputs.first.click()
    expect(page.get_by_text(f"{first} · 128 × 128 pixels")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_view_travels_by_its_address(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    choose(page, "Target", "checked ring")
    shown(page, "checked ring")
    query = page.url.partition("?")[2]
    picture = page.get_by_role("img", name="The visualisation").evaluate("image => image.src")
    other = dashboard(f"?{query}")
    shown(other, "checked ring")
    assert other.get_by_role("img", name="The visualisation").evaluate("image => image.src") == picture


def test_a_view_of_an_uploaded_picture_says_that_it_does_not_travel(
    dashboard: Callable[..., Page], tmp_path: Path
) -> None:
    page = dashboard()
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(photograph())
    page.locator("input[type=file]").set_input_files(photo)
    expect(page.get_by_text("holiday.jpg ·")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_text("Uploaded pictures are not included in the link")).to_be_visible()
    other = dashboard(f"?{page.url.partition('?')[2]}")
    expect(other.get_by_role("alert")).to_contain_text("an uploaded picture, which links cannot include")
    shown(other, "checked heart")


@pytest.mark.parametrize("width", [1280, 390])
def test_what_cannot_be_shown_says_why_and_the_page_stands(dashboard: Callable[..., Page], width: int) -> None:
    page = dashboard("?visualisation=attention", width, at_rest=False)
    expect(page.get_by_text("use Grad-CAM")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("button", name="checked heart · 96.2%")).to_be_attached()
    page.wait_for_selector(READY)
    assert faults_by_theme(page, "refused") == {}


def test_a_bad_file_and_a_bad_link_are_one_sentence_each_and_the_page_lives_on(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?layer=<img src=x onerror=alert(1)>&strength=loud")
    expect(page.get_by_role("alert").get_by_role("listitem")).to_have_count(2)
    page.locator("input[type=file]").set_input_files(
        {"name": "**notes**.png", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}
    )
    expect(page.get_by_role("alert").filter(has_text="**notes**.png")).to_be_visible()
    settled(page)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize("query", ["?visualisation=grad-cam", "?visualisation=activations&layer=features.4"])
def test_nothing_overflows_overlaps_or_fails(
    dashboard: Callable[..., Page], query: str, width: int, height: int
) -> None:
    page = dashboard(query, width, height)
    kind = query.partition("=")[2].partition("&")[0]
    assert faults_by_theme(page, kind) == {}
    page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    assert faults_by_theme(page, f"{kind}-below") == {}
    if width < 768:
        page.get_by_test_id("stExpandSidebarButton").click()
        expect(page.get_by_role("tree")).to_be_visible()
        page.wait_for_timeout(500)
        assert faults_by_theme(page, f"{kind}-sidebar") == {}


def test_every_stage_is_one_switch_and_the_code_is_there_to_copy(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    page.get_by_text("At every stage").click()
    shown(page, EVERY_STAGE)
    expect(page.get_by_role("button", name="features.4")).to_be_visible()
    page.get_by_text("Show the code").click()
    expect(page.get_by_text("request = Request(model.name, picture.id, '*', 'grad-cam', ())")).to_be_visible()


def test_a_target_is_picked_by_its_class_or_typed(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?visualisation=back-prop")
    for typed, name in (("dotted dr", "dotted drop"), ("7", "zigzag ring"), ("features.1:5@8,9", "features.1:5@8,9")):
        box = page.get_by_role("combobox", name="Target")
        box.click()
        box.fill(typed)
        box.press("Enter")
        page.wait_for_selector(READY)
        expect(page.get_by_role("combobox", name="Target")).to_have_value(name)
    shown(page, "channel 5 of features.1 in row 8, column 9")
    expect(page).to_have_url(re.compile("target_class=features.1%3A5%408%2C9"))
    box.fill("nothing:x")
    box.press("Enter")
    expect(page.get_by_text("Unknown target 'nothing:x'")).to_be_visible()
    shown(page, "checked heart")


# What the page's main part moves up or down; within the line of honesty words may flow.
_WATCH = """() => {
    window.moved = [];
    new PerformanceObserver((list) => {
        for (const { node, previousRect: before, currentRect: after } of list.getEntries().flatMap((e) => e.sources)) {
            const here = node?.parentElement?.closest('[data-testid="stMain"]');
            if (!here || node.parentElement.closest('.st-key-honesty') || !before.height || !after.height) continue;
            if (Math.abs(before.y - after.y) > 1) moved.push(`${node.textContent} from ${before.y} to ${after.y}`);
        }
    }).observe({ type: 'layout-shift' });
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_jumps_when_another_picture_arrives(dashboard: Callable[..., Page], width: int) -> None:
    page = dashboard("?visualisation=layer-cam", width, 1600)
    page.evaluate(_WATCH)
    inputs = page.get_by_role("group", name="Inputs").get_by_role("button")
    picture = page.get_by_role("img", name="The visualisation")
    for number in (2, 4, 0):
        before = picture.get_attribute("src")
        inputs.nth(number).click()
        expect(picture).not_to_have_attribute("src", before or "")
        settled(page)
    if width > 768:
        choose(page, "Visualisation", "Occlusion")
        shown(page, "Occlusion")
        settled(page)
    assert page.evaluate("moved") == []
    page.locator(".st-key-picture").evaluate("(picture) => { picture.style.paddingTop = '50px'; }")
    page.wait_for_function("moved.length > 0")  # what jumps is seen


def test_nothing_jumps_while_a_picture_is_computed(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?visualisation=occlusion&stride=5", height=1600)
    page.evaluate(_WATCH)
    page.get_by_role("group", name="Inputs").get_by_role("button").nth(1).click()
    expect(page.get_by_text("Computing")).to_be_visible()  # hundreds of patches take a while on any machine
    expect(page.get_by_text("Computing")).to_be_hidden()
    settled(page)
    assert page.evaluate("moved") == []
