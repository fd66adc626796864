"""Regions, boxes and entries of an output are chosen and explained, in Chromium."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.page import CLICK_A_PLACE, READY, SCREENSHOTS, choose, faults, shown
from tests.ui.test_answers import DETECTS, SEGMENTS


def test_a_place_is_clicked_on_and_asked_about(dashboard: Callable[..., Page]) -> None:
    page = dashboard(f"?model={SEGMENTS}", 390, 900, "dark", at_rest=False)
    hint = page.get_by_text(CLICK_A_PLACE)
    expect(hint).to_be_visible(timeout=90_000)
    page.wait_for_selector(READY)
    image = page.get_by_alt_text("The predicted regions")
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    ask = page.get_by_role("button", name=re.compile("Explain .+ here"))
    expect(ask).to_be_visible()
    page.wait_for_selector(READY)
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / "regions-390-dark.png")
    assert faults(page) == []
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    expect(page.get_by_text(re.compile(r"rows \d+ to \d+, columns \d+ to \d+"))).to_be_visible()
    page.mouse.up()
    ask = page.get_by_role("button", name=re.compile("Explain .+ in this rectangle"))
    expect(ask).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Explain all of"))).to_be_visible()
    page.wait_for_selector(READY)
    image.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "rectangle-390-dark.png")
    ask.click()
    shown(page, "“out” in rows 1")
    assert re.search(r"target_class=%3Aout%3A\d+%401\d\d-2\d\d%2C1\d\d-2\d\d", page.url)


def test_a_box_is_seen_chosen_and_explained(dashboard: Callable[..., Page]) -> None:
    page = dashboard(f"?model={DETECTS}", at_rest=False)
    seen = page.get_by_alt_text("The detected boxes")
    expect(seen).to_be_visible(timeout=90_000)
    page.wait_for_selector(READY)
    before = seen.get_attribute("src")
    choose(page, "Box", "2: ")
    ask = page.get_by_role("button", name="Explain box 2")
    expect(ask).to_be_visible()
    assert seen.get_attribute("src") != before  # its frame is the thick one now
    page.wait_for_selector(READY)
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / "boxes-1280-light.png")
    assert faults(page) == []
    ask.click()
    shown(page, "item 2 of the output “scores”")
    assert "target_class=%3Ascores%3A2" in page.url


def test_an_entry_of_any_output_is_typed(dashboard: Callable[..., Page]) -> None:
    page = dashboard(f"?model={SEGMENTS}", at_rest=False)
    expect(page.get_by_text(CLICK_A_PLACE)).to_be_visible(timeout=90_000)
    page.wait_for_selector(READY)
    box = page.get_by_role("combobox", name="Target")
    box.fill(":out:7@100,300")
    box.press("Enter")
    shown(page, "channel 7 of the output “out” in row 100, column 300")
    assert "target_class=%3Aout%3A7%40100%2C300" in page.url
    box.fill(":aux:7@100,300")
    box.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="aux")).to_be_visible()
