"""The ways a person goes, in a real Chromium: back, by keyboard alone, with a finger, from stage to layer."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.page import EVERY_STAGE, READY, SCREENSHOTS, choose, faults, settled, shown


def focused(page: Page) -> str:
    """What has the focus, in a component's own tree too: its spoken name, or its text."""
    name: str = page.evaluate("""() => {
        let here = document.activeElement;
        while (here.shadowRoot?.activeElement) here = here.shadowRoot.activeElement;
        return here.getAttribute('aria-label') ?? here.textContent;
    }""")
    return name


def tab_to(page: Page, name: str, most: int = 40) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if re.search(name, focused(page)):
            return
    raise AssertionError(f"{name} is not reached by {most} tabs")


def test_back_and_forward_go_through_the_views_and_then_out(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    views = [(page.url, "Grad-CAM at features · for checked heart")]

    def seen(text: str) -> None:
        shown(page, text)
        settled(page)
        views.append((page.url, text))

    choose(page, "Visualisation", "Layer-CAM")
    seen("Layer-CAM at features · for checked heart")
    page.get_by_role("group", name="Inputs").get_by_role("button").nth(2).click()
    seen("Layer-CAM at features · for striped ring")
    page.get_by_text("At every stage").click()
    seen("Layer-CAM at every stage · for striped ring")

    for go, number in (
        (page.go_back, 2),
        (page.go_back, 1),
        (page.go_back, 0),
        (page.go_forward, 1),
        (page.go_back, 0),
    ):
        go()
        url, text = views[number]
        shown(page, text)
        settled(page)
        expect(page).to_have_url(url)
    page.go_back()
    expect(page).to_have_url("about:blank")


def test_back_leads_to_the_rows_that_were_compared(dashboard: Callable[..., Page]) -> None:
    page = dashboard("compare?compare.visualisation=grad-cam&compare.input=checked-heart", at_rest=False)
    download = page.get_by_role("button", name="Download")
    expect(download).to_be_visible(timeout=60_000)
    page.wait_for_selector(READY)
    rows = page.get_by_role("radiogroup", name="Rows")
    rows.get_by_role("radio", name="Layers").click()
    expect(page).to_have_url(re.compile("compare.rows=layer"))
    page.wait_for_selector(READY)
    page.go_back()
    expect(rows.get_by_role("radio", name="Visualisations")).to_be_checked()
    expect(page.get_by_role("button", name=re.compile("^Open Grad-CAM of checked heart"))).to_have_count(1)
    expect(page).not_to_have_url(re.compile("compare.rows"))


def test_the_keyboard_alone_leads_to_a_layer_an_input_and_a_map(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?visualisation=activations&layer=features.4")
    tab_to(page, "^4, Sequential")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    shown(page, "features.5")
    tab_to(page, "^checked heart$")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("input=checked-heart-and-striped-heart"))
    settled(page)
    tab_to(page, "^0$")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Explain this map")).to_be_visible()
    page.wait_for_selector(READY)
    tab_to(page, "The map: use the arrow keys")
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_text("row 8, column 9: ")).to_be_in_viewport()  # its numbers are in sight
    expect(dialog.get_by_text("Maximum")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Explain row 8, column 9")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.wait_for_timeout(300)
    assert focused(page).startswith("1")  # where the map was opened


def test_a_finger_reads_a_number_and_the_sidebar_goes_when_a_page_is_chosen(
    browser: Browser, dashboard_url: str
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(dashboard_url)
    settled(page)
    expect(page.get_by_text("Tap the picture to read values.")).to_be_visible()
    page.get_by_role("img", name="The visualisation").tap()
    expect(page.get_by_text(re.compile(r"row \d+, column \d+: "))).to_be_visible()
    page.get_by_test_id("stExpandSidebarButton").tap()
    page.wait_for_timeout(500)
    asks_for_help(page, Locator.tap)
    page.get_by_role("link", name="Guide").tap()
    expect(page.get_by_role("heading", name="Guide", exact=True)).to_be_visible()
    expect(page.get_by_role("tree")).not_to_be_in_viewport()
    context.close()


def asks_for_help(page: Page, press: Callable[[Locator], None]) -> None:
    """The “?” beside a switch tells what it does, and leaves it as it is; a press on the switch turns it."""
    switch = page.get_by_test_id("stCheckbox").filter(has_text="Guided")
    press(switch.get_by_test_id("stTooltipIcon"))
    expect(page.get_by_text("edges show even where they are irrelevant")).to_be_visible()
    page.wait_for_timeout(500)
    settled(page)
    expect(switch.get_by_role("switch")).not_to_be_checked()


def test_help_is_no_switch(dashboard: Callable[..., Page]) -> None:
    page = dashboard()
    asks_for_help(page, Locator.click)
    page.get_by_text("Guided", exact=True).click()
    expect(page.get_by_role("switch", name="Guided")).to_be_checked()


def test_from_every_stage_one_goes_to_one_layer_by_its_picture_or_by_the_tree(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?layer=*")
    shown(page, EVERY_STAGE)
    expect(page.get_by_text("At features.1, features.4: Do not rely on Grad-CAM here")).to_be_visible()
    page.get_by_role("button", name="features.4").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Grad-CAM at features.4")).to_be_visible()
    page.wait_for_selector(READY)
    page.screenshot(path=SCREENSHOTS / "stage-1280-light.png")
    assert faults(page) == []
    dialog.get_by_role("button", name="Show this layer alone").click()
    shown(page, "Grad-CAM at features.4 ")
    page.get_by_text("At every stage").click()
    shown(page, EVERY_STAGE)
    page.get_by_role("tree").get_by_text("3", exact=True).click()
    shown(page, "Grad-CAM at features.3 ")


@pytest.mark.parametrize(("visualisation", "method"), [("layer-cam", "Layer-CAM"), ("activations", "Grad-CAM")])
def test_a_class_of_the_answer_is_clicked_on_and_explained(
    dashboard: Callable[..., Page], visualisation: str, method: str
) -> None:
    page = dashboard(f"?visualisation={visualisation}")
    page.get_by_role("button", name="checked disc · 1.3%").click()
    shown(page, f"{method} at features · for checked disc (1.3%)")


def test_of_a_picture_that_is_cut_the_original_shows_what_the_model_does_not_see(
    dashboard: Callable[..., Page],
) -> None:
    page = dashboard("?model=alexnet-untrained")
    expect(page.get_by_text("224 × 224 pixels, resized and cropped for the model")).to_be_visible()
    page.get_by_role("radio", name="Original").click()
    expect(page.get_by_text("128 × 128 pixels: the model does not see the pale area")).to_be_visible()


def test_a_target_stays_what_it_is_when_the_model_changes_or_goes_with_a_word(dashboard: Callable[..., Page]) -> None:
    page = dashboard("?target_class=7")
    shown(page, "zigzag ring")
    choose(page, "Model", "alexnet")
    page.locator(".st-key-untrained").get_by_text("Untrained").click()
    expect(page.get_by_text("has no zigzag ring: its most likely class is shown.")).to_be_visible(timeout=60_000)
    shown(page, "untrained")
    assert "target_class" not in page.url
