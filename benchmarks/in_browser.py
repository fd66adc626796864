"""How long a person at a browser waits: for the first picture, after changing a setting, and after Stop."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import path as installed_chromium

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'
CLICK = "element => element.click()"  # at once, whereas Playwright's own click waits until nothing moves
# The browser takes the time itself: calls from the driver would add a tenth.
TIME_TO_NEW_PICTURE = """input => new Promise(resolve => {
    const picture = () => document.querySelector(".st-key-picture img");
    const before = picture().src;
    const began = performance.now();
    const check = () => {
        const now = picture();
        const isNew = now && now.src !== before && now.complete && now.naturalWidth > 0;
        isNew ? resolve((performance.now() - began) / 1000) : requestAnimationFrame(check);
    };
    input.click();
    check();
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the system's Chromium, or Playwright's own if there is none."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


def seconds_to_first_picture(browser: Browser, url: str, on_start: Callable[[], None] = lambda: None) -> float:
    """Return the seconds until a person who opens the page sees the picture.

    A browser loads Streamlit's page first. For the server, the visit starts when the page opens its WebSocket:
    `on_start` is called then.
    """
    page = browser.new_page()
    page.once("websocket", lambda _: on_start())
    started = time.perf_counter()
    page.goto(url)
    page.get_by_role("img", name="The visualisation").wait_for()
    elapsed = time.perf_counter() - started
    page.context.close()
    return elapsed


def seconds_on_a_slow_line(browser: Browser, url: str) -> float:
    """Return the seconds until a person with an empty cache sees the picture, at 1.5 Mbit/s and 300 ms latency."""
    page = browser.new_page()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    speed = 1.5e6 / 8
    conditions = {"offline": False, "latency": 300, "downloadThroughput": speed, "uploadThroughput": speed}
    network.send("Network.emulateNetworkConditions", conditions)
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.get_by_role("img", name="The visualisation").wait_for(timeout=120_000)
    elapsed = time.perf_counter() - started
    page.context.close()
    return elapsed


def seconds_to_guided(browser: Browser, url: str) -> float:
    """Return the seconds from a click on “Guided” until the new picture is shown."""
    page = _page_when_idle(browser, url)
    elapsed = float(page.get_by_role("switch", name="Guided").evaluate(TIME_TO_NEW_PICTURE))
    page.context.close()
    return elapsed


def seconds_to_stop(browser: Browser, url: str) -> float:
    """Return the seconds from a click on Stop until the page is idle."""
    page = browser.new_page()
    page.goto(f"{url}/dream?visualisation=deep-dream&octaves=8&steps=100")
    page.get_by_text(" s left").wait_for()
    stop = page.get_by_test_id("stMain").get_by_role("button", name="Stop")
    started = time.perf_counter()
    stop.evaluate(CLICK)
    page.get_by_text("Stopped at").wait_for()
    page.wait_for_selector(IDLE)
    elapsed = time.perf_counter() - started
    page.context.close()
    return elapsed


def _page_when_idle(browser: Browser, url: str) -> Page:
    page = browser.new_page()
    page.goto(url)
    page.locator(".st-key-picture img").wait_for()
    page.wait_for_selector(IDLE)
    page.wait_for_timeout(500)
    return page
