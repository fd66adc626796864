"""The pictures of our own components, called as Streamlit calls them: what a newer call overtakes is cleaned up too."""

import base64
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from mirror_app import render
from tests import ROOT

_MOUNT = """async ([name, script, pictures]) => {
    const imported = await import(`data:text/javascript;base64,${script}`);
    const block = document.body.appendChild(document.createElement('div'));
    block.className = 'stVerticalBlock';
    const root = block.appendChild(document.createElement('div')).attachShadow({ mode: 'open' });
    const bytes = pictures.map((picture) => Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0)));
    const call = (data) => imported.default({ data, parentElement: root, setTriggerValue: () => {} });
    window[name] = { block, root, bytes, call };
}"""


@pytest.fixture
def blank(browser: Browser) -> Iterator[Page]:
    """An empty page that counts the addresses of pictures in use; no error may be in its console at the end."""
    page = browser.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.evaluate("""() => {
        window.used = new Set();
        const { createObjectURL, revokeObjectURL } = URL;
        URL.createObjectURL = (blob) => { const made = createObjectURL(blob); used.add(made); return made; };
        URL.revokeObjectURL = (address) => { used.delete(address); revokeObjectURL(address); };
    }""")
    yield page
    page.wait_for_timeout(300)
    page.close()
    assert errors == []


def mount(page: Page, name: str) -> None:
    """Put a component into the page, with a red, a green and a blue picture to give to it."""
    script = (ROOT / "mirror_app" / "ui" / "components" / name / f"{name}.js").read_bytes()
    pictures = [render.png(np.full((64, 64, 3), colour, np.uint8)) for colour in np.eye(3, dtype=np.uint8) * 255]
    page.evaluate(_MOUNT, [name, _base64(script), [_base64(picture) for picture in pictures]])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_frame_is_drawn_though_its_call_was_overtaken(blank: Page) -> None:
    mount(blank, "frame")
    blank.evaluate("() => { frame.call(frame.bytes[0])?.(); }")
    blank.wait_for_function("frame.root.querySelector('img')?.naturalWidth === 64")
    assert blank.evaluate("used.size") == 0


def test_of_many_frames_at_once_the_newest_stays(blank: Page) -> None:
    mount(blank, "frame")
    blank.evaluate("() => { for (const bytes of frame.bytes) frame.call(bytes); }")
    blank.wait_for_function("frame.root.querySelector('img') && used.size === 0")
    colour = blank.evaluate("""() => {
        const canvas = new OffscreenCanvas(64, 64).getContext('2d');
        canvas.drawImage(frame.root.querySelector('img'), 0, 0);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    }""")
    assert colour == [0, 0, 255, 255]
    assert blank.evaluate("frame.root.querySelectorAll('img').length") == 1


def test_a_sheet_is_shown_though_its_call_was_overtaken_and_its_address_ends_with_it(blank: Page) -> None:
    mount(blank, "tiles")
    sheet = "tiles.block.style.getPropertyValue('--sheet')"
    blank.evaluate("() => { for (const bytes of tiles.bytes) tiles.call(bytes)?.(); }")
    blank.wait_for_function(f"{sheet} && used.size === 1")
    assert blank.evaluate(f'{sheet} === `url("${{[...used][0]}}")`')
    blank.evaluate("() => { const end = tiles.call(tiles.bytes[2]); end(); }")
    assert blank.evaluate("used.size") == 1
    blank.evaluate("() => { tiles.block.remove(); tiles.call(tiles.bytes[2])(); }")
    assert blank.evaluate("used.size") == 0


def test_a_sheet_that_comes_when_nobody_looks_any_more_leaves_no_address(blank: Page) -> None:
    mount(blank, "tiles")
    blank.evaluate("() => { const end = tiles.call(tiles.bytes[0]); tiles.block.remove(); end(); }")
    blank.wait_for_function("used.size === 0")
    assert blank.evaluate("tiles.block.style.getPropertyValue('--sheet')") == ""
