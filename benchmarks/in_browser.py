"""What a person at a browser waits for: the first picture, a knob that is turned, Stop."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
CLICK = "element => element.click()"  # at once: Playwright's own click waits until all stands still
# Timed by the browser itself: the driver's own calls to it would add a tenth.
TURNED = """knob => new Promise(resolve => {
    const picture = () => document.querySelector(".st-key-picture img");
    const before = picture().src;
    const began = performance.now();
    const look = () => {
        const now = picture();
        const there = now && now.src !== before && now.complete && now.naturalWidth > 0;
        there ? resolve((performance.now() - began) / 1000) : requestAnimationFrame(look);
    };
    knob.click();
    look();
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the system's Chromium, or Playwright's own."""
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, url: str, meanwhile: Callable[[], None] = lambda: None) -> float:
    """Return the seconds until a person who opens the page sees the picture; `meanwhile` is called as the visit begins.

    A browser loads Streamlit's page first; the visit begins, for the server, when it opens its WebSocket.
    """
    page = browser.new_page()
    page.once("websocket", lambda _: meanwhile())
    began = time.perf_counter()
    page.goto(url)
    page.get_by_role("img", name="The visualisation").wait_for()
    took = time.perf_counter() - began
    page.context.close()
    return took


def turned(browser: Browser, url: str) -> float:
    """Return the seconds from a click on “Guided” until the new picture is there."""
    page = _at_rest(browser, url)
    took = float(page.get_by_role("switch", name="Guided").evaluate(TURNED))
    page.context.close()
    return took


def stopped(browser: Browser, url: str) -> float:
    """Return the seconds from a click on Stop until the page is idle."""
    page = browser.new_page()
    page.goto(f"{url}/dream?visualisation=deep-dream&octaves=8&steps=100")
    page.get_by_text(" s left").wait_for()
    stop = page.get_by_test_id("stMain").get_by_role("button", name="Stop")
    began = time.perf_counter()
    stop.evaluate(CLICK)
    page.get_by_text("Stopped at").wait_for()
    page.wait_for_selector(IDLE)
    took = time.perf_counter() - began
    page.context.close()
    return took


def _at_rest(browser: Browser, url: str) -> Page:
    page = browser.new_page()
    page.goto(url)
    page.locator(".st-key-picture img").wait_for()
    page.wait_for_selector(IDLE)
    page.wait_for_timeout(500)
    return page
