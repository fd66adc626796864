"""The dashboard without a browser, as Streamlit's own test runner has it: what tests do with it, and read off it."""

import io

from PIL import Image
from streamlit.testing.v1 import AppTest

from mirror_app.engine.links import VERSION
from mirror_app.params import as_text
from mirror_app.visualisations import registry
from tests import ROOT
from tests.networks import quick


def page(to: str = "", **query: str | list[str]) -> AppTest:
    """The dashboard, opened by a link with that query; after it, where one is named, another of its pages.

    The test runner gives every visit the same session, so that Dream would show the background run of another test.
    """
    if to == "dream":
        AppTest.from_function(_forget_background_run).run()
    test = AppTest.from_file(str(ROOT / "mirror_app" / "main.py"), default_timeout=90)
    for name, value in {"v": VERSION, **query}.items():
        test.query_params[name] = value
    test.run()
    return test.switch_page(f"../pages/{to}.py").run() if to else test


def _forget_background_run() -> None:
    from mirror_app.ui import store

    store.run_slot.clear()


def png(colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(file, "PNG")
    return file.getvalue()


def lives(test: AppTest) -> bool:
    """The page stands: no traceback, and a picture's line of honesty at its foot."""
    return not test.exception and any("raw values" in caption.value for caption in test.caption)


def upload(test: AppTest, name: str, content: bytes) -> AppTest:
    return test.file_uploader[0].upload(name, content, "image/png").run()


def cheaply(entry: registry.Entry) -> dict[str, str]:
    """What a link to a visualisation says, so that it takes as few samples as it may."""
    return {name: as_text(value) for name, value in quick(entry).items()}


def said(test: AppTest) -> list[str]:
    return [box.value.replace("\\", "") for box in (*test.error, *test.warning, *test.info)]
