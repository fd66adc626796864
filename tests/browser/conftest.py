"""Fixtures of the tests in Chromium. Only this folder imports Playwright."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests import ROOT, chromium
from tests.browser.page import settle, settled
from tests.server import serve

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
CAMERA = "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
expect.set_options(timeout=30_000)  # a machine may be slow, and busy with other tests


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a browser."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the one that MIRROR_CHROMIUM names, else the system's, else Playwright's own."""
    with sync_playwright() as playwright:
        try:
            flags = [*FLAGS.split(), *CAMERA.split()]
            launched = playwright.chromium.launch(executable_path=chromium.path(), args=flags)
        except Error as error:
            raise AssertionError("Chromium does not start. If there is none, `make chromium` installs it.") from error
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def components_url() -> Iterator[str]:
    """The address of the page with the layer tree and the tiles."""
    with serve(ROOT / "tests" / "browser" / "components_page.py") as address:
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
        settle(page)
        return page

    yield _visit
    for page in pages:
        page.context.close()
    assert errors == []


@pytest.fixture(scope="session")
def dashboard_url() -> Iterator[str]:
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
            settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
