"""What tests do with a page in Chromium: wait until it is at rest, choose, and look for faults."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests import ROOT

SCREENSHOTS = ROOT / "tests" / "screenshots"
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'

# Words of the page that several tests wait for. Below a picture:
COMPUTED, CACHED, UNCHANGED, EVERY_STAGE = "computed in", "cached", "model unchanged", "at every stage"
# On Dream: before it begins, after Stop, and when the sidebar no longer asks for what was made.
INVITATION, STOPPED, CHANGED = "Press Dream to", "Stopped at", "The settings have changed"
# On Explore, below a model that marks places.
CLICK_A_PLACE = "Click a location to explain it, or draw a rectangle."

# What Streamlit draws itself, by the rule of axe-core that it breaks and a part of its HTML: the zone that takes files,
# code that is wider than its box, the marks of a chart, whose figures stand in words below it.
THEIRS = {
    "presentation-role-conflict": "stFileUploaderDropzone",
    "scrollable-region-focusable": "<pre",
    "svg-img-alt": "mark-symbol",
}

# What stands beside or below something else on the page may not lie on it, nor leave the window.
_MISPLACED = """() => {
    const faults = [];
    const name = (element) => (element.className + ' ' + element.textContent).slice(0, 80);
    if (document.documentElement.scrollWidth > innerWidth) faults.push('the page scrolls sideways');
    const blocks = '[data-testid="stVerticalBlock"], [data-testid="stHorizontalBlock"]';
    for (const block of document.querySelectorAll(blocks)) {
        const children = [...block.children].filter((child) => child.getClientRects().length && child.offsetHeight > 1);
        const boxes = children.map((child) => child.getBoundingClientRect());
        boxes.forEach((box, i) => {
            if (getComputedStyle(children[i]).position === 'absolute') return;
            const outside = box.right > innerWidth + 1 || box.left < -1;
            // These scroll by themselves.
            const free = children[i].closest('[data-testid="stSidebar"], .st-key-matrix, .st-key-trust-shuffled');
            if (outside && !free) faults.push('outside: ' + name(children[i]));
            boxes.slice(i + 1).forEach((other, j) => {
                const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
                const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
                if (across > 1 && down > 1) faults.push(name(children[i]) + ' lies on ' + name(children[i + 1 + j]));
            });
        });
    }
    return faults;
}"""


def faults(page: Page) -> list[str]:
    """Return what lies on something else or outside the window, and what axe-core finds: names, contrast, roles."""
    found: list[str] = page.evaluate(_MISPLACED)
    for rule in Axe().run(page).response["violations"]:
        found += [
            f"{rule['id']}: {node['html']} {node['failureSummary']}"
            for node in rule["nodes"]
            if THEIRS.get(rule["id"], "\0") not in node["html"]
        ]
    return found


def faults_by_theme(page: Page, name: str) -> dict[str, list[str]]:
    """Return the faults of the page in the light and in the dark theme; screenshots of both are kept under `name`."""
    width = (page.viewport_size or {"width": 0})["width"]
    found = {}
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(400)  # transitions of colours
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{theme}.png")
        if theme_faults := faults(page):
            found[theme] = theme_faults
    return found


def settle(page: Page) -> None:
    """Wait until the script has run to its end."""
    page.wait_for_timeout(150)
    expect(page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]')).to_be_visible()


def said(page: Page, word: str) -> str:
    """Return what the page says after a word and a colon, up to the full stop at the end of the line."""
    before = ""
    while True:  # until it says the same twice: a run may begin late on a busy machine
        settle(page)
        text = page.get_by_text(f"{word}: ").last.inner_text()
        if text == before:
            return text.removeprefix(f"{word}: ").removesuffix(".")
        before = text


def says(page: Page, word: str, text: str) -> None:
    """Wait until the page says that text after a word and a colon; it must still say so once it has come to rest."""
    expect(page.get_by_text(f"{word}: ").last).to_have_text(f"{word}: {text}.")
    assert said(page, word) == text


def settled(page: Page) -> None:
    """Wait until the page shows a result, nothing runs, and every part of it is drawn."""
    expect(picture_caption(page)).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_timeout(300)
    expect(page.locator(READY)).to_be_visible()


def picture_caption(page: Page | FrameLocator) -> Locator:
    """The caption below the picture, which is there once the picture is."""
    return page.locator(".st-key-honesty").get_by_test_id("stCaptionContainer").first


def shown(page: Page, text: str) -> Locator:
    """The caption below the picture, once it says `text`."""
    line = picture_caption(page)
    expect(line).to_contain_text(text)
    return line


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a dropdown as a person does: click, type, Enter."""
    box = page.get_by_role("combobox", name=label)
    box.scroll_into_view_if_needed()
    page.evaluate(TWO_FRAMES)  # a scroll that is still to be told of closes the list
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option).first.click()
