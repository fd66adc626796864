"""The architecture page in a real Chromium: a box of the graph and a row of the table choose the layer, everywhere."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Position, expect

from tests.browser.page import READY, faults_by_theme, shown

ROW = 35  # pixels: the height of a row of Streamlit's tables
HEADINGS = {"layer": 1, "weights": 6}  # and their columns
WEIGHTS: Position = {"x": 620, "y": 18}  # where that heading is drawn at 1280 pixels


def opened(dashboard: Callable[..., Page], query: str = "", width: int = 1280) -> Page:
    page = dashboard(f"architecture{query}", width, at_rest=False)
    expect(page.get_by_text("multiply-adds for a picture")).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("stGraphVizChart").get_by_role("button").first).to_be_visible()
    page.wait_for_selector(READY)
    return page


def box(page: Page, layer: str) -> Locator:
    """A box or a frame of the graph."""
    return page.get_by_test_id("stGraphVizChart").get_by_role("button", name=layer, exact=True)


def column(page: Page, heading: str) -> list[str]:
    """What stands in a column of the table, from the top, as those hear it who do not see it."""
    cells = page.get_by_test_id("stDataFrame").locator(f'td[aria-colindex="{HEADINGS[heading]}"]')
    expect(cells.first).not_to_be_empty()
    return [text.strip() for text in cells.all_inner_texts()]


def ticked(page: Page) -> Locator:
    """The names of the layers whose rows are ticked, of the rows that are drawn."""
    return page.get_by_test_id("stDataFrame").locator('tr[aria-selected="true"] td[aria-colindex="1"]')


OUT_OF_SIGHT = """() => {
    const frame = document.querySelector("[data-testid='stGraphVizChart']").closest("[data-testid='stVerticalBlock']");
    const room = frame.getBoundingClientRect();
    return [...frame.querySelectorAll("g.node")].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.top < room.top || box.bottom > room.bottom || box.left < room.left || box.right > room.right;
    }).map((node) => node.querySelector("title").textContent);
}"""

# The strongest tint's text, as WCAG measures it; the canvas turns any notation of a colour into bytes.
LEAST_CONTRAST = """() => {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const luminance = (colour) => {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((byte) => {
            const value = byte / 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    return Math.min(...[...document.querySelectorAll("g.tint-4")].map((node) => {
        const [box, text] = ["path", "text"].map((part) => luminance(getComputedStyle(node.querySelector(part)).fill));
        return (Math.max(box, text) + 0.05) / (Math.min(box, text) + 0.05);
    }));
}"""


@pytest.mark.parametrize("width", [1280, 390])
def test_a_box_chooses_and_unfolds_its_layer(dashboard: Callable[..., Page], width: int) -> None:
    page = opened(dashboard, "?layer=features", width)
    assert faults_by_theme(page, "architecture") == {}
    page.emulate_media(color_scheme="light" if width == 1280 else "dark")
    expect(page.get_by_text(re.compile(r"ms · \d+% of the time$"))).to_be_visible()
    assert page.evaluate(OUT_OF_SIGHT) == []  # the whole graph is in its frame
    assert page.evaluate(LEAST_CONTRAST) >= 4.5

    box(page, "features.4").click()
    expect(box(page, "features.4.0")).to_be_visible()
    expect(page).to_have_url(re.compile(r"layer=features\.4&"))
    page.wait_for_timeout(500)
    assert faults_by_theme(page, "architecture-unfolded") == {}


def test_a_row_chooses_and_unfolds_its_layer(dashboard: Callable[..., Page]) -> None:
    page = opened(dashboard, "?layer=features.4")
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 18, "y": ROW * 3 + 18})  # the box in front of the third row: features.0
    expect(box(page, "features.0.0")).to_be_visible()
    expect(box(page, "features.4.0")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"layer=features\.0&"))
    expect(ticked(page)).to_have_text(["features.0"])
    box(page, "features.0.1").click()  # what is chosen elsewhere is ticked, too
    expect(page).to_have_url(re.compile(r"layer=features\.0\.1&"))
    expect(ticked(page)).to_have_text(["features.0.1"])


def test_the_keyboard_chooses_and_the_frame_leads_back_up_and_the_choice_holds_everywhere(
    dashboard: Callable[..., Page],
) -> None:
    page = opened(dashboard, "?layer=features.4")
    box(page, "features.4.1").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"layer=features\.4\.1&"))
    box(page, "features.4").click(position={"x": 8, "y": 8})  # its frame, since it is unfolded
    expect(page).to_have_url(re.compile(r"layer=features\.4&"))
    page.get_by_role("link", name="Explore").click()
    shown(page, "Grad-CAM at features.4 ")


def test_a_tile_chooses_the_costliest_layer_and_the_sidebar_shows_only_the_model_and_its_layers(
    dashboard: Callable[..., Page],
) -> None:
    page = dashboard("?layer=*&visualisation=layer-cam&strength=0.3")
    page.get_by_role("link", name="Architecture").click()
    tile = page.locator(".st-key-costliest").get_by_role("button").last
    expect(tile).to_have_text("features.7.0")
    expect(page.get_by_role("combobox")).to_have_count(1)  # the model
    expect(page).to_have_url(re.compile(r"layer=%2A&visualisation=layer-cam&strength=0\.3"))
    tile.click()
    expect(box(page, "features.7.0")).to_have_class(re.compile("chosen"))
    expect(page).to_have_url(re.compile(r"layer=features\.7\.0&visualisation=layer-cam&strength=0\.3"))
    page.get_by_role("link", name="Explore").click()
    shown(page, "Layer-CAM at features.7.0 ")
    expect(page).to_have_url(re.compile(r"layer=features\.7\.0&visualisation=layer-cam&strength=0\.3"))


def test_of_a_deep_network_the_layer_that_is_chosen_is_in_sight(dashboard: Callable[..., Page]) -> None:
    page = opened(dashboard, "?model=densenet121-untrained&layer=features.denseblock3.denselayer5.conv1")
    expect(page.get_by_text("only one incoming arrow, from the latest layer that feeds it")).to_be_visible()
    room = page.get_by_test_id("stGraphVizChart").locator("xpath=ancestor::*[@data-testid='stVerticalBlock'][1]")
    outer, inner = room.bounding_box(), box(page, "features.denseblock3.denselayer5.conv1").bounding_box()
    assert outer
    assert inner
    assert outer["y"] <= inner["y"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
    assert outer["x"] <= inner["x"]
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]


def test_a_heading_sorts_and_a_row_still_chooses_its_own_layer(dashboard: Callable[..., Page]) -> None:
    page = opened(dashboard)
    table = page.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    assert column(page, "layer")[:2] == ["shapes", "features"]
    table.click(position=WEIGHTS)
    page.wait_for_function(
        f"() => document.querySelector('td[aria-colindex=\"{HEADINGS['weights']}\"]').textContent === '0'"
    )
    weights = [int(text) for text in column(page, "weights")]
    assert weights == sorted(weights)
    third = column(page, "layer")[2]
    table.click(position={"x": 18, "y": ROW * 3 + 18})
    expect(page).to_have_url(re.compile(rf"layer={re.escape(third)}&"))


CROSSED = """() => [...document.querySelectorAll("g.cluster text")].filter((text) => {
    const box = text.getBBox();
    return [...document.querySelectorAll("g.edge path")].some((arrow) => {
        for (let along = 0; along < arrow.getTotalLength(); along += 1) {
            const { x, y } = arrow.getPointAtLength(along);
            if (box.x < x && x < box.x + box.width && box.y < y && y < box.y + box.height) return true;
        }
    });
}).map((text) => text.textContent)"""


def test_no_arrow_crosses_the_name_of_a_frame(dashboard: Callable[..., Page]) -> None:
    page = opened(dashboard, "?layer=features.4")
    expect(page.locator("g.cluster text")).to_have_text(["features", "features.4"])
    assert page.evaluate(CROSSED) == []
