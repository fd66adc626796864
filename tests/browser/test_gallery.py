"""The gallery as a person meets it, in a real Chromium: many files at once, sorted, selected and compared."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from mirror_app.bundled import scenes
from tests.browser.page import READY, SCREENSHOTS, faults, settled, shown

COUNT = 30


def filled(page: Page) -> None:
    """Wait until all is read, predicted and drawn."""
    expect(page.locator(".st-key-gallery")).not_to_contain_text("…", timeout=60_000)
    expect(page.get_by_role("button", name="CSV")).to_be_enabled(timeout=60_000)
    page.wait_for_timeout(300)
    expect(page.locator(READY)).to_be_visible()


def test_many_files_are_shown_sorted_selected_and_compared(dashboard: Callable[..., Page], tmp_path: Path) -> None:
    files = [tmp_path / "broken.png"]
    files[0].write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    for number in range(1, COUNT):
        files.append(tmp_path / f"{number:02}.png")
        Image.fromarray(np.roll(scenes.scene(7000 + number % 5, 1).picture, number, 1)).save(files[-1])
    page = dashboard("gallery?gallery.order=name", at_rest=False)
    expect(page.get_by_text("Up to 200 pictures, 10 MB each")).to_be_visible(timeout=60_000)
    filled(page)
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_text(re.compile(r"Reading picture \d+ of 30"))).to_be_visible()
    expect(page.get_by_role("alert").get_by_text("'broken.png'")).to_be_visible(timeout=60_000)
    cards = page.locator("[class*=st-key-card-]")
    expect(cards).to_have_count(24)
    expect(cards.first).to_contain_text("01.png")
    filled(page)
    expect(page.get_by_role("alert")).to_have_count(1)  # the reason stays
    page.get_by_role("button", name="Page 2").click()
    expect(cards).to_have_count(len(files) - 1 + 8 - 24)
    filled(page)
    assert "gallery.page=2" in page.url
    page.get_by_text("Surest first").click()
    expect(page).not_to_have_url(re.compile("gallery.page"))  # another order begins at the first page
    filled(page)
    shares = [float(text.rpartition(" · ")[2].rstrip("%")) for text in page.locator("[class*=below]").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 24
    boxes = [card.bounding_box() for card in cards.all()]
    assert len({(round(box["width"]), round(box["height"])) for box in boxes if box}) == 1
    for card in (cards.nth(0), cards.nth(5)):
        card.get_by_role("checkbox").locator("xpath=ancestor::label").click()
        expect(card.get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_text("2 of 37 selected")).to_be_visible()
    names = [cards.nth(number).locator("[class*=st-key-name-] p").last.inner_text() for number in (0, 5)]
    for width, theme in ((390, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.wait_for_timeout(400)  # transitions of colours
        page.screenshot(path=SCREENSHOTS / f"gallery-{width}-{theme}.png")
        assert faults(page) == []
    page.locator(".st-key-gallery-actions").get_by_role("button", name="Compare").click()
    for name in names:
        expect(page.get_by_role("button", name=f"Open Grad-CAM of {name} (").first).to_be_visible(timeout=60_000)


def test_the_strip_is_sent_once(dashboard_url: str, browser: Browser) -> None:
    page, received = browser.new_page(), [0]
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.goto(dashboard_url)
    settled(page)
    strip = page.locator(".st-key-inputs").get_by_role("group", name="Inputs").get_by_role("button")
    assert max(received) > 60_000  # the strip, among others
    for number in (1, 0):  # what the page shows of the second picture is new to the browser, of the first it is not
        received.clear()
        strip.nth(number).click()
        shown(page, "checked heart")
        settled(page)
    assert sum(received) < 50_000  # as little as `make bench` allows a redraw
    page.close()
