"""Many visitors at once: `python -m benchmarks.load` writes docs/load.md.

Each visitor is a session of its own, which sends the next action as soon as the page has answered the last one: most
often a redraw of what it has seen, and now and then another input, a switch, or an upload.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import quantiles

import psutil
from PIL import Image

from benchmarks.attacks import attacked
from benchmarks.visitor import Run, Visitor
from tests import ROOT
from tests.images.files import saved

DOCUMENT = ROOT / "docs" / "load.md"
CROWDS = (1, 5, 25, 100)
ACTIONS = 20


@dataclass(frozen=True)
class Action:
    """One action of a visitor: its kind, and how long the page took."""

    kind: str
    seconds: float


def session(url: str, number: int) -> list[Action]:
    """Open the page and do twenty actions, which differ from those of the other visitors."""
    with Visitor(url) as visitor:
        first = visitor.run(f"target_class={number % 32}")
        assert first.picture < math.inf
        return [Action(kind, work().seconds) for kind, work in itertools.islice(_actions(visitor, number), ACTIONS)]


def _actions(visitor: Visitor, number: int) -> Iterator[tuple[str, Callable[[], Run]]]:
    (strip,) = [component for component in visitor.components if component.endswith("strip")]
    for step in itertools.count():
        match step % 10:
            case 3:
                yield "another input", lambda: visitor.run(reports={strip: json.dumps({"picked": number % 5})})
            case 6:
                yield "a switch", lambda: visitor.run(switch="Guided")
            case 9:
                picture = saved(Image.new("RGB", (200, 200), (number, step, 90)), "PNG")
                yield "an upload", partial(_upload, visitor, picture)
            case _:
                yield "a redraw", visitor.run


def _upload(visitor: Visitor, picture: bytes) -> Run:
    return visitor.upload({"mine.png": picture})[1]


def load(crowd: int) -> str:
    """Return a row of the table: how long the actions of `crowd` visitors took."""
    with attacked() as watch, ThreadPoolExecutor(crowd) as visitors:
        before = watch.megabytes()
        actions = [action for done in visitors.map(session, [watch.url] * crowd, range(crowd)) for action in done]
        memory = watch.megabytes() - before
    redraws = [action.seconds for action in actions if action.kind == "a redraw"]
    others = [action.seconds for action in actions if action.kind != "a redraw"]
    figures = " | ".join(f"{quantiles(times, n=20)[-1]:.2f} s" for times in (redraws, others, redraws + others))
    return f"| {crowd} | {len(actions)} of {crowd * ACTIONS} | {figures} | {memory:.0f} MB |"


def main() -> None:
    """Measure all crowds and write the document."""
    rows = "".join(f"{load(crowd)}\n" for crowd in CROWDS)
    text = f"""# Many visitors at once

Written by `make load`, on a machine with {psutil.cpu_count()} cores that also runs the visitors, with the profile
`hosted`. Each visitor does {ACTIONS} actions without a pause. The times are those that 95 of 100 actions stay below.

| visitors | actions that were answered | redraws of what was seen | other inputs, switches, uploads | all | memory |
| --- | --- | --- | --- | --- | --- |
{rows}"""
    DOCUMENT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
