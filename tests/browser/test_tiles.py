"""The tiles in a real browser: picks, keys, the right pixels; and what travels there, of the tree too."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

from tests.browser.page import says, settle

Visit = Callable[..., Page]

COUNT_ADDRESSES = """
window.held = new Set();
const make = URL.createObjectURL, drop = URL.revokeObjectURL;
URL.createObjectURL = (blob) => {
  const address = make.call(URL, blob);
  if (blob.type === "image/png") window.held.add(address);
  return address;
};
URL.revokeObjectURL = (address) => { window.held.delete(address); drop.call(URL, address); };
"""


def maps(page: Page) -> Locator:
    return page.get_by_role("group", name="Maps").get_by_role("button")


def test_a_pick_is_told_once(visit: Visit) -> None:
    page = visit()
    expect(maps(page)).to_have_count(64)
    says(page, "Picked", "None")
    page.get_by_role("button", name="17", exact=True).click()
    says(page, "Picked", "17")
    page.get_by_role("button", name="Run again").click()
    says(page, "Picked", "None")
    maps(page).nth(17).click()  # the same again is a pick too
    says(page, "Picked", "17")
    expect(maps(page).nth(17)).not_to_have_attribute("aria-pressed", "true")


def test_arrow_keys_move_between_tiles(visit: Visit) -> None:
    page = visit()
    across = maps(page).evaluate_all("(all) => all.filter((one) => one.offsetTop === all[0].offsetTop).length")
    assert across > 3
    maps(page).first.focus()
    here = 0
    for key, step in (("ArrowRight", 1), ("ArrowDown", across), ("ArrowLeft", -1), ("ArrowUp", -across)):
        page.keyboard.press(key)
        here += step
        expect(maps(page).nth(here)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(maps(page).nth(0)).to_be_focused()
    page.keyboard.press("End")
    expect(maps(page).nth(63)).to_be_focused()
    expect(page.get_by_role("group", name="Maps").locator('[tabindex="0"]')).to_have_count(1)
    page.keyboard.press("Enter")
    says(page, "Picked", "63")
    expect(maps(page).nth(63)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    says(page, "Picked", "0")


def test_the_selected_tile_is_marked(visit: Visit) -> None:
    page = visit()
    inputs = page.get_by_role("group", name="Inputs").get_by_role("button")
    expect(inputs.nth(1)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="photo 3").click()
    says(page, "Input", "3")
    expect(inputs.nth(3)).to_have_attribute("aria-pressed", "true")
    expect(inputs.and_(page.locator('[aria-pressed="true"]'))).to_have_count(1)
    assert inputs.nth(0).inner_text() == ""  # without captions


def test_each_tile_shows_its_part_of_the_sheet(visit: Visit) -> None:
    page = visit()
    for number in (0, 7, 8, 38, 63):
        picture = maps(page).nth(number).locator(".picture")
        snapshot = picture.screenshot()
        for place in (0.25, 0.75):
            red, green = page.evaluate(PIXEL, [list(snapshot), place])[:2]
            assert (red, green) == (number * 3, 255 - number * 3)


PIXEL = """async ([bytes, place]) => {
    const image = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return [...canvas.getImageData(image.width * place, image.height * place, 1, 1).data];
}"""


def test_tiles_have_their_size_and_the_sheet_is_held_once(visit: Visit) -> None:
    page = visit(script=COUNT_ADDRESSES)
    box = maps(page).first.locator(".picture").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (64, 64)
    address = "(picture) => getComputedStyle(picture).backgroundImage.slice(5, -2)"
    shown = maps(page).first.locator(".picture").evaluate(address)
    held = page.evaluate("[...held]")
    assert len(held) == 2
    assert shown in held
    slider = page.get_by_role("slider", name="Width")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(maps(page).first).to_have_css("width", "40px")
    assert page.evaluate("[...held]") == held  # another width is no other picture
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", "dark")
    assert page.evaluate("[...held]") == held
    page.get_by_text("Other maps").click()
    expect(maps(page)).to_have_count(60)
    page.wait_for_function("(old) => held.size === 2 && !held.has(old)", arg=shown)


@pytest.mark.parametrize("width", [320, 700, 1400])
def test_tiles_wrap_in_the_room_there_is(visit: Visit, width: int) -> None:
    page = visit(color_scheme="dark", viewport={"width": width, "height": 900})
    for _ in range(2):
        fits = maps(page).evaluate_all("""(all) => {
            const group = all[0].parentElement.getBoundingClientRect();
            return all.every((one) => one.getBoundingClientRect().right <= group.right + .5);
        }""")
        assert fits
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("slider", name="Width").focus()
        page.keyboard.press("ArrowRight")  # 500 pixels: wider than the narrowest page
        settle(page)


def test_what_did_not_change_does_not_travel_again(browser: Browser, components_url: str) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    received: list[int] = []

    def follow(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(len(frame)))

    page.on("websocket", follow)
    page.goto(components_url)
    expect(page.get_by_role("group", name="Inputs")).to_be_visible()
    settle(page)
    assert sum(received) > 450_000  # the nodes and the sheet came

    def cost(act: Callable[[], object]) -> int:
        received.clear()
        act()
        settle(page)
        return sum(received)

    def widen() -> None:
        page.get_by_role("slider", name="Width").focus()
        page.keyboard.press("ArrowLeft")

    acts: list[Callable[[], object]] = [
        page.get_by_role("button", name="Run again").click,
        page.get_by_role("treeitem", name="denseblock1").click,
        maps(page).nth(3).click,
        page.get_by_role("button", name="photo 3").click,
        widen,
        page.get_by_role("button", name="Go deep").click,
        page.get_by_role("button", name="Run again").click,
    ]
    costs = [cost(act) for act in acts]
    page.context.close()
    assert max(costs) < 50_000, costs
    assert min(costs) > 0
