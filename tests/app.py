"""The dashboard without a browser, as Streamlit's own test runner has it: what tests do with it, and read off it."""

import io
import re
from dataclasses import dataclass

from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from mirror_app import layers
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


def container(test: AppTest, key: str) -> Block | None:
    """The container, or the popover, that the page gives this key; None if it is not on the page."""
    return containers(test, re.escape(key)).get(key)


def containers(test: AppTest, keys: str) -> dict[str, Block]:
    """The containers whose whole key matches a regular expression, by their key, in the order of the page."""
    found = {}
    for node in test.main:
        match = re.fullmatch(rf"\$\$ID-[0-9a-f]+-({keys})", getattr(node.proto, "id", ""))
        if match and isinstance(node, Block):
            found[match[1]] = node
    return found


def head(test: AppTest) -> tuple[str, str]:
    """The name of the visualisation that Explore's head gives, and its summary: in one line below the model's answer.

    If the answer has no short form, the name is the headline.
    """
    below = test.caption[0].value
    match = re.fullmatch(r"\*\*(.+?)\*\* · (.*)", below, re.DOTALL)
    return (match[1], match[2]) if match else (test.subheader[0].value, below)


@dataclass(frozen=True)
class Provenance:
    """What the caption below a picture says of it.

    `layer` is "" if the method has none, and `layers.EVERY` for every stage. `score` is that of the target, as it is
    written. `details` are the parts that a method adds. Either the result was `cached`, or it was just computed.
    """

    method: str
    layer: str
    target: str
    score: str
    details: tuple[str, ...]
    cached: bool
    unchanged: bool


def provenance(test: AppTest) -> Provenance:
    """What the caption below the picture says: tests read it here only, so that it can be reworded in one place."""
    below = container(test, "honesty")
    assert below is not None, "no picture is shown"
    first, *parts = plain(below.caption[0].value).split(" · ")
    method = re.fullmatch(r"\*\*(.+?)\*\*(?: at (?:`(.*)`|(.+)))?", first)
    raw_range = next(number for number, part in enumerate(parts) if part.startswith("raw values "))
    timing, state = parts[raw_range + 1 :]
    assert method, first
    assert timing == "cached" or re.fullmatch(r"computed in [\d.]+ s", timing), timing
    targets = [match for part in parts if (match := re.fullmatch(r"for \*(.+)\*(?: \((\S+).*\))?", part))]
    target, score = targets[0].groups(default="") if targets else ("", "")
    details = tuple(part for part in parts[:raw_range] if not part.startswith("for *"))
    layer = layers.EVERY if method[3] else method[2] or ""
    return Provenance(method[1], layer, target, score, details, timing == "cached", state.startswith(":green["))


def is_shown(test: AppTest) -> bool:
    """Whether there is a picture with its caption, be it an image, a sheet of maps or bars."""
    return container(test, "honesty") is not None


def lives(test: AppTest) -> bool:
    """The page stands: no traceback, and a picture with its caption."""
    return not test.exception and is_shown(test)


def plain(text: str) -> str:
    """Markdown without the backslashes that keep names as they are."""
    return text.replace("\\", "")


def code(test: AppTest) -> str:
    """The code that computes the picture, which the page shows to those who ask for it."""
    test.session_state["code"] = True
    _link, shown = (block.value for block in test.run().code)
    test.session_state["code"] = False
    assert len(test.run().code) == 1
    return shown


def captions(test: AppTest) -> list[str]:
    return [plain(caption.value) for caption in test.caption]


def figures(text: str) -> list[str]:
    """The numbers in a text as they are written, with a sign and a percent sign where they have one."""
    return re.findall(r"(?<![\w.])[-−+]?\d+(?:\.\d+)?%?(?![\w])", text)


def link_lacks_pictures(test: AppTest) -> bool:
    """Whether the page says below its link that pictures are not included: a second remark besides the usual one."""
    shared = container(test, "share")
    assert shared is not None, "the page offers no link"
    return len(shared.caption) == 2


def upload(test: AppTest, name: str, content: bytes) -> AppTest:
    return test.file_uploader[0].upload(name, content, "image/png").run()


def cheaply(entry: registry.Entry) -> dict[str, str]:
    """What a link to a visualisation says, so that it takes as few samples as it may."""
    return {name: as_text(value) for name, value in quick(entry).items()}


def said(test: AppTest) -> list[str]:
    boxes = [box.value for box in (*test.error, *test.warning, *test.info)]
    return [plain(line) for box in boxes for line in re.split(r"^- |\n- ", box) if line]
