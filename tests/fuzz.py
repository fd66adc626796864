"""Random links, parameters, component values and files against the real dashboard: `python -m tests.fuzz [minutes]`.

Nothing may be uncaught: no traceback in the server's log, no "Something went wrong" on a page, and after each of these
visits the first picture appears as before. A seed is printed, with which the run can be repeated.
"""

import json
import math
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from PIL import Image

from benchmarks.visitor import Visitor
from mirror_app import engine  # noqa: F401 - registers the visualisations
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from tests.images.files import RGB, bmp, png, saved
from tests.server import hosted

SEEDS = [saved(RGB, form) for form in ("PNG", "JPEG", "WEBP", "BMP", "GIF")]
SEEDS += [png(5, 4, 8, 3, bytes(24)), bmp(6, 6, 8, 1, b"\x06\x01\0\0" * 6 + b"\0\1")]
SEEDS += [saved(Image.fromarray(RGB).convert("CMYK"), "JPEG"), saved(Image.new("LA", (9, 7)), "PNG")]
WORDS = (
    "",
    "nan",
    "inf",
    "-1",
    "1e999",
    "0",
    "true",
    "９",
    "\0",
    "x" * 5000,
    "<b>",
    "'",
    "../..",
    "[]",
    "{}",
    "None",
    "😀",
)
NAMES = (
    "model",
    "input",
    "layer",
    "visualisation",
    "target_class",
    "untrained",
    "output",
    "v",
    "page",
    "rows",
    "columns",
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return a file with a few bytes changed, removed, repeated or added."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(content) + 1)
        match rng.randrange(4):
            case 0:
                content[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del content[at : at + rng.randint(1, 20)]
            case 2:
                content[at:at] = content[at : at + rng.randint(1, 200)]
            case _:
                content[at:at] = rng.randbytes(rng.randint(1, 9))
    return bytes(content)


def query(rng: random.Random) -> str:
    """Return the query of a link: some of it right, some of it not."""
    entry = rng.choice(registry.entries())
    pairs: dict[str, str] = {"visualisation": entry.key}
    if rng.random() < 0.3:
        pairs["model"] = rng.choice([*catalogue.BUNDLED_MODELS, "resnet18-untrained"])
    for name in rng.sample([*entry.params, *NAMES], rng.randint(0, 4)):
        pairs[name] = rng.choice([*WORDS, str(rng.uniform(-9, 9)), str(rng.randint(-5, 40))])
    return urlencode(pairs)


def value(rng: random.Random, depth: int = 0) -> Any:
    """Return any value that a component could report."""
    kinds: list[Any] = [None, True, rng.randint(-9, 10**9), rng.uniform(-1, 2), math.nan, math.inf, rng.choice(WORDS)]
    if depth < 2:
        kinds.append([value(rng, depth + 1) for _ in range(rng.randint(0, 4))])
        kinds.append({rng.choice(("picked", "event", "value", "x")): value(rng, depth + 1)})
    return rng.choice(kinds)


def visit(url: str, rng: random.Random) -> str:
    """Open a random link, report random values and upload random files; return what was done."""
    link, name = query(rng), f"{rng.choice(('a', 'x' * 300, '😀'))}.png"
    with Visitor(url) as visitor:
        visitor.run(link)
        _require_no_defect(visitor, link)
        components = list(visitor.components)
        for _ in range(rng.randint(1, 4)):
            reported = {
                component: json.dumps(value(rng)) for component in rng.sample(components, min(3, len(components)))
            }
            visitor.run(link, reports=reported)
            _require_no_defect(visitor, f"{link} {reported}")
        if visitor.uploader:
            visitor.upload({name: mutated(rng.choice(SEEDS), rng)})
            _require_no_defect(visitor, f"{link} and an upload")
    return link


def _require_no_defect(visitor: Visitor, what: str) -> None:
    defects = [sentence for sentence in visitor.sentences if "went wrong" in sentence]
    assert not defects, f"{what}: {defects}"


@contextmanager
def stderr_in(log: Path) -> Iterator[None]:
    """Let this process and those that it starts write their errors to a file."""
    original = os.dup(sys.stderr.fileno())
    with log.open("wb") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    try:
        yield
    finally:
        os.dup2(original, sys.stderr.fileno())


def main() -> None:
    """Visit the dashboard for some minutes, 30 by default."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}, {minutes:g} minutes", flush=True)
    rng, end, visits = random.Random(seed), time.monotonic() + 60 * minutes, 0
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with stderr_in(log), hosted("seconds = 10") as url:
            while time.monotonic() < end:
                link = visit(url, rng)
                visits += 1
                if visits % 50 == 0:
                    with Visitor(url) as visitor:
                        assert visitor.run().picture < math.inf, link
                    print(f"{visits} visits, last {link[:100]}", flush=True)
        # Streamlit itself logs, with a traceback of its own, that it cannot read a value.
        assert not (lines := re.findall(r".*(?:Uncaught|/mirror_app/).*", log.read_text())), lines
    print(f"{visits} visits, and nothing uncaught on a page or in the log")


if __name__ == "__main__":
    main()
