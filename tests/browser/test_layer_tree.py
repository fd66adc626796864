"""The layer tree in a real browser: mouse, keyboard, filter, what Python selects, and what it looks like."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.browser.page import said, says, settle

Visit = Callable[..., Page]
HOSTILE = "<img src=x onerror=hacked=1>"
DEEP = "features.denseblock3.denselayer24.conv2"


def layer(page: Page, label: str) -> Locator:
    return page.get_by_role("treeitem", name=re.compile(f"^{re.escape(label)}, "))


def in_view(row: Locator) -> bool:
    """Return whether the tree has scrolled to where the row is seen."""
    seen: bool = row.evaluate("""(row) => {
        const list = row.parentElement.getBoundingClientRect(), own = row.getBoundingClientRect();
        return own.top >= list.top - 1 && own.bottom <= list.bottom + 1;
    }""")
    return seen


def test_a_click_opens_and_selects_and_a_second_click_closes(visit: Visit) -> None:
    page = visit()
    says(page, "Layer", "features.conv0")
    block = layer(page, "denseblock1")
    expect(block).to_have_attribute("aria-expanded", "false")
    block.click()
    says(page, "Layer", "features.denseblock1")
    expect(block).to_have_attribute("aria-expanded", "true")
    expect(block).to_have_attribute("aria-selected", "true")
    expect(page.locator('[aria-selected="true"]')).to_have_count(1)
    runs = said(page, "Runs")
    block.click()
    expect(block).to_have_attribute("aria-expanded", "false")
    expect(block).to_have_attribute("aria-selected", "true")
    assert said(page, "Runs") == runs


def test_the_chevron_opens_without_selecting(visit: Visit) -> None:
    page = visit()
    runs = said(page, "Runs")
    layer(page, "denseblock2").locator(".chevron").click()
    expect(layer(page, "denselayer12")).to_have_attribute("aria-level", "4")
    expect(layer(page, "denselayer12")).to_have_attribute("aria-posinset", "12")
    expect(layer(page, "denselayer12")).to_have_attribute("aria-setsize", "12")
    layer(page, "denseblock2").locator(".chevron").click()
    expect(layer(page, "denselayer12")).to_have_count(0)
    assert (said(page, "Layer"), said(page, "Runs")) == ("features.conv0", runs)


def test_the_keyboard_reaches_everything(visit: Visit) -> None:
    page = visit()
    page.get_by_label("Filter layers").focus()
    page.keyboard.press("Tab")
    expect(layer(page, "conv0")).to_be_focused()  # the one stop is the selected row
    steps = [
        ("ArrowDown", "denseblock1"),
        ("ArrowRight", "denseblock1"),
        ("ArrowRight", "denselayer1"),
        ("ArrowLeft", "denseblock1"),
        ("ArrowLeft", "denseblock1"),
        ("ArrowLeft", "features"),
        ("ArrowUp", "densenet"),
        ("ArrowUp", "densenet"),
        ("End", HOSTILE),
        ("ArrowUp", "aux"),
        ("Home", "densenet"),
    ]
    for key, label in steps:
        page.keyboard.press(key)
        expect(layer(page, label)).to_be_focused()
        expect(page.get_by_role("tree").locator('[tabindex="0"]')).to_have_count(1)
    says(page, "Layer", "features.conv0")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    says(page, "Layer", "features")
    expect(layer(page, "features")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    says(page, "Layer", "features.conv0")


def test_the_filter_shows_matches_with_what_stands_above_them(visit: Visit) -> None:
    page = visit()
    runs = said(page, "Runs")
    layer(page, "conv0").focus()
    page.keyboard.type("rcelu2")  # "r" and "c" are shortcuts of Streamlit's, and must stay letters
    box = page.get_by_label("Filter layers")
    expect(box).to_be_focused()
    expect(box).to_have_value("rcelu2")
    expect(page.get_by_text("no layer matches “rcelu2”")).to_be_visible()
    expect(page.get_by_role("treeitem")).to_have_count(0)
    box.fill("BLOCK3.denselayer40.RELU")
    labels = [row.get_attribute("aria-label") or "" for row in page.get_by_role("treeitem").all()]
    assert [label.split(",")[0] for label in labels] == [
        "densenet", "features", "denseblock3", "denselayer40", "relu1", "relu2",
    ]  # fmt: skip
    page.keyboard.press("ArrowDown")
    expect(layer(page, "relu1")).to_be_focused()
    page.keyboard.press("Enter")
    says(page, "Layer", "features.denseblock3.denselayer40.relu1")
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    assert in_view(layer(page, "relu1"))  # its place in the whole tree
    box.fill("_denselayer")  # a type
    expect(page.get_by_text("98 of 712")).to_be_visible()
    box.press("Escape")
    expect(layer(page, "aux")).to_have_count(1)
    assert int(said(page, "Runs")) == int(runs) + 1


def test_a_layer_that_was_not_reached_is_shown_and_not_selected(visit: Visit) -> None:
    page = visit()
    row = page.get_by_role("treeitem", name="aux, Linear, not reached")
    expect(row).to_have_attribute("aria-disabled", "true")
    expect(row).to_contain_text("not reached")
    row.click(force=True)  # a browser's click does not ask whether a row is enabled
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    says(page, "Layer", "features.conv0")


def test_python_selects_and_the_next_click_wins(visit: Visit) -> None:
    page = visit()
    scroll = "() => document.querySelector('[data-testid=stMain]').scrollTop"
    page.get_by_role("button", name="Go deep").click()
    says(page, "Layer", DEEP)
    row = page.locator('[aria-selected="true"]')
    expect(row).to_have_attribute("title", re.compile(re.escape(DEEP)))
    assert page.evaluate(scroll) == 0
    assert in_view(row)
    layer(page, "norm1").last.click()
    says(page, "Layer", DEEP.replace("conv2", "norm1"))
    page.get_by_role("button", name="Run again").click()
    says(page, "Layer", DEEP.replace("conv2", "norm1"))
    for name, wanted in (("Go to conv0", "features.conv0"), ("Go deep", DEEP), ("Run again", DEEP)):
        page.get_by_role("button", name=name).click()
        says(page, "Layer", wanted)
        expect(row).to_have_attribute("title", re.compile(re.escape(wanted)))


def test_names_are_text(visit: Visit) -> None:
    page = visit()
    expect(page.get_by_role("tree").get_by_text(HOSTILE).first).to_be_attached()
    layer(page, HOSTILE).click()
    says(page, "Layer", HOSTILE)
    page.get_by_label("Filter layers").fill(HOSTILE + "?")
    expect(page.get_by_text(f"no layer matches “{HOSTILE}?”")).to_be_visible()
    expect(page.locator("img")).to_have_count(0)
    assert page.evaluate("window.hacked") is None


def test_focus_scroll_and_rows_survive_a_run(visit: Visit) -> None:
    page = visit()
    layer(page, "denseblock1").click()
    says(page, "Layer", "features.denseblock1")
    row = layer(page, "denselayer6")
    row.evaluate("(row) => { row.kept = true; }")
    row.click()
    says(page, "Layer", "features.denseblock1.denselayer6")
    expect(row).to_be_focused()
    assert row.evaluate("(row) => row.kept")  # a selection builds nothing anew
    page.get_by_text("Notes change").click()  # from now on each run has other nodes
    expect(row).to_have_attribute("title", re.compile(r"^\d+: "))
    page.get_by_role("button", name="Go deep").click()
    says(page, "Layer", DEEP)
    tree = page.get_by_role("tree")
    below = layer(page, "relu1").last
    below.focus()
    scroll = tree.evaluate("(list) => list.scrollTop")
    assert scroll > 500
    page.keyboard.press("Enter")
    says(page, "Layer", DEEP.replace("conv2", "relu1"))
    expect(below).to_be_focused()
    assert tree.evaluate("(list) => list.scrollTop") == scroll
    expect(below).to_have_attribute("title", re.compile(r"^\d+: "))


def test_seven_hundred_rows_stay_fast(visit: Visit) -> None:
    page = visit()
    expect(page.get_by_role("treeitem")).to_have_count(26)  # only what is open
    milliseconds = page.get_by_label("Filter layers").evaluate("""(filter) => {
        const start = performance.now();
        filter.value = "n";
        filter.dispatchEvent(new Event("input"));
        filter.getRootNode().querySelector(".list").offsetHeight;
        return performance.now() - start;
    }""")
    assert page.get_by_role("treeitem").count() > 690
    assert milliseconds < 1000
    milliseconds = layer(page, "conv2").last.evaluate("""(row) => {
        const start = performance.now();
        row.click();
        row.offsetHeight;
        return performance.now() - start;
    }""")
    assert milliseconds < 200


def test_what_was_opened_is_open_when_the_tree_comes_back(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Go deep").click()
    says(page, "Layer", DEEP)
    page.get_by_label("Filter layers").fill("conv")
    tree = page.get_by_role("tree")
    tree.evaluate("(list) => { list.scrollTop = 500; }")
    page.get_by_text("Hide the tree").click()
    expect(tree).to_have_count(0)
    page.get_by_text("Hide the tree").click()
    settle(page)
    expect(page.get_by_label("Filter layers")).to_have_value("conv")
    assert tree.evaluate("(list) => list.scrollTop") == 500
    page.get_by_label("Filter layers").press("Escape")
    expect(page.locator('[aria-selected="true"]')).to_have_attribute("title", re.compile(re.escape(DEEP)))
    says(page, "Layer", DEEP)


@pytest.mark.parametrize("size", [{"width": 1000, "height": 900}, {"width": 320, "height": 700}])
def test_nothing_is_too_wide_or_too_faint(visit: Visit, size: ViewportSize) -> None:
    page = visit(viewport=size, reduced_motion="reduce")
    page.get_by_role("button", name="Go deep").click()
    says(page, "Layer", DEEP)
    tree = page.get_by_role("tree")
    too_wide = tree.evaluate("""(list) => [list, list.parentElement, ...list.children]
        .filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.textContent)""")
    assert too_wide == []
    box = tree.bounding_box()
    assert box is not None
    assert box["width"] <= 300
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(400)  # transitions of colours
        for part in (".label", ".type", ".shape", "[aria-selected=true] .label", "[aria-disabled] .shape"):
            assert tree.locator(part).first.evaluate(CONTRAST) >= 4.5, (theme, part)
    assert tree.locator(".chevron").first.evaluate(
        "(chevron) => getComputedStyle(chevron, '::before').transitionDuration"
    ) in ("0s", "1e-05s")


# The contrast after WCAG, where each background from the page to the element lies over the one before.
CONTRAST = """(element) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const lay = (colour) => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); };
    const luminance = () => [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
        .map((value) => value / 255)
        .map((value) => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4)
        .reduce((sum, value, index) => sum + value * [.2126, .7152, .0722][index], 0);
    const path = [];
    for (let up = element; up; up = up.parentElement ?? up.getRootNode().host) path.unshift(up);
    for (const part of path) lay(getComputedStyle(part).backgroundColor);
    const ground = luminance();
    lay(getComputedStyle(element).color);
    const [dark, light] = [ground, luminance()].sort((a, b) => a - b);
    return (light + .05) / (dark + .05);
}"""
