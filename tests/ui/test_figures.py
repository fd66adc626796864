"""The dialog that makes figures for papers, and the forms of the code, without a browser."""

import pytest

from mirror_app.export.paper import files
from tests.app import container, page
from tests.ui.test_page import _empty_caches  # noqa: F401 - a fixture

pytestmark = pytest.mark.page


@pytest.mark.parametrize(("to", "column", "label"), [("", "Column 2", "Grad-CAM"), ("compare", "Row 1", "Grad-CAM")])
def test_the_dialog_shows_the_figure_its_labels_and_a_caption(to: str, column: str, label: str) -> None:
    query = {"compare.visualisation": "grad-cam", "compare.input": "checked-heart"} if to else {}
    test = page(to, **query)
    test.button(key="paper-figure").click().run()
    assert not test.exception
    assert next(field for field in test.text_input if field.label == column).value == label
    assert any("Computed with Mirror" in block.value for block in test.code)


def test_without_matplotlib_the_dialog_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    test = page()
    test.button(key="paper-figure").click().run()
    assert "pip install '.[figures]'" in test.info[0].value


def test_the_code_has_two_forms() -> None:
    test = page()
    test.session_state["code"] = True
    test.session_state["code-form"] = "As a call of the method"
    test.run()
    assert container(test, "download") is not None
    assert any("method = GradCam(model.module" in block.value for block in test.code)
