"""Fixtures that tests share, most of them for a real browser."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from streamlit.components.v2 import manifest_scanner

from tests import ROOT
from tests import browser as real

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
expect.set_options(timeout=30_000)  # a machine may be slow, and busy with other tests
CAMERA = "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In a browser on busy cores a test fails now and then for no cause we know: it is tried again, and told of."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once() -> Iterator[None]:
    """Streamlit's test runner reads about every installed package for each page that it opens, for half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the one that MIRROR_CHROMIUM names, else the system's, else Playwright's own."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    path = os.environ.get("MIRROR_CHROMIUM") or next(filter(None, found), None)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=[*FLAGS.split(), *CAMERA.split()])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[str]]:
    """Let a test run a script with Streamlit, at an address that it is given, as long as the context lasts."""
    return real.serve


@pytest.fixture(scope="session")
def components_url() -> Iterator[str]:
    """The address of the page with the layer tree and the tiles."""
    with real.serve(ROOT / "tests" / "components_page.py") as address:
        yield address


@pytest.fixture
def visit(browser: Browser, components_url: str) -> Iterator[Callable[..., Page]]:
    """Open the page with the components; at the end of the test no error may be in the browser's console.

    Its options are those of Playwright's `Browser.new_page`, and `script`, which runs before the page's own.
    """
    errors: list[str] = []
    pages: list[Page] = []

    def _visit(*, script: str = "", **options: object) -> Page:
        page = browser.new_page(**{"viewport": {"width": 1000, "height": 900}} | options)  # type: ignore[arg-type]
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.add_init_script(script)
        page.goto(components_url)
        expect(page.get_by_role("treeitem").first).to_be_visible()
        expect(page.get_by_role("group", name="Inputs")).to_be_visible()
        real.settle(page)
        return page

    yield _visit
    for page in pages:
        page.context.close()
    assert errors == []


@pytest.fixture
def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def dashboard_url(serve: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    with serve(ROOT / "mirror_app" / "main.py") as address:
        yield address


@pytest.fixture
def dashboard(browser: Browser, dashboard_url: str) -> Iterator[Callable[..., Page]]:
    """Open the dashboard and wait for its picture; at the end no error may be in the browser's console.

    Streamlit itself asks for its health at a wrong path where a page other than the first is opened by its address.
    """
    errors: list[str] = []
    contexts = []

    def opened(
        query: str = "", width: int = 1280, height: int = 900, scheme: str = "light", at_rest: bool = True
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: (
                errors.append(f"{message.text} {message.location['url']}")
                if message.type == "error" and "/_stcore/" not in message.location["url"]
                else None
            ),
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{dashboard_url}/{query}")
        if at_rest:
            real.settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
