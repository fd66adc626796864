"""Visitors who come and leave for an hour: `python -m benchmarks.soak [minutes]` writes docs/soak.md.

Each visitor looks at a few views, uploads pictures, changes a parameter, and leaves. The memory must not grow once the
caches are full.
"""

import math
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from statistics import linear_regression

import numpy as np
import psutil
from PIL import Image

from benchmarks.visitor import Visitor
from tests import ROOT
from tests.images.files import saved
from tests.server import hosted, unused_port

DOCUMENT = ROOT / "docs" / "soak.md"
SECONDS_PER_VISITOR = 1.8  # 2,000 visitors in an hour
WARM_UP = 0.25  # of the time: until then, caches fill
QUERIES = (
    "target_class={target}",
    "visualisation=guided-back-prop&layer=&target_class={target}",
    "visualisation=occlusion&target_class={target}",
    "visualisation=activations&layer=features.{layer}",
    "model=shapes-transformer&visualisation=attention&input={layer}",
    "page=compare",
)


@dataclass(frozen=True)
class Sample:
    """The memory of the server at a time."""

    minutes: float
    allocated: float  # megabytes that the memory allocator has handed out
    resident: float  # megabytes
    visitors: int


def session(url: str, number: int) -> None:
    """Look at a few views, upload a picture of noise, and leave."""
    noise = np.random.default_rng(number).integers(0, 256, (300, 400, 3), np.uint8)
    with Visitor(url) as visitor:
        first = visitor.run(QUERIES[number % len(QUERIES)].format(target=number % 32, layer=number % 5))
        assert first.seconds < math.inf
        visitor.run()
        if visitor.uploader:
            visitor.upload({"noise.png": saved(Image.fromarray(noise), "PNG")})


def samples(url: str, port: int, minutes: float) -> Iterator[Sample]:
    """Let one visitor come after the other, and yield the memory of the server about once a minute."""
    started, process = time.monotonic(), psutil.Process().children()[0]
    for number in count():
        passed = (time.monotonic() - started) / 60
        if number % 30 == 0:
            yield Sample(passed, allocated(port), process.memory_info().rss / 2**20, number)
        if passed > minutes:
            return
        session(url, number)
        time.sleep(max(0, started + SECONDS_PER_VISITOR * (number + 1) - time.monotonic()))


def allocated(port: int) -> float:
    """Return how many megabytes the server's memory allocator has handed out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        (value,) = re.findall(r"^mirror_allocated_bytes (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(value) / 2**20


def main() -> None:
    """Let visitors come and leave, and write the document."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    port, taken = unused_port(), list[Sample]()
    with hosted(f"metrics_port = {port}") as url:
        for sample in samples(url, port, minutes):
            taken.append(sample)
            print(sample, file=sys.stderr, flush=True)
    warm = [sample for sample in taken if sample.minutes >= WARM_UP * minutes]
    slope = 60 * linear_regression([sample.minutes for sample in warm], [sample.allocated for sample in warm]).slope
    highest = max(sample.resident for sample in warm) / warm[0].resident
    step = max(1, len(taken) // 12)
    rows = "".join(
        f"| {sample.minutes:.0f} | {sample.visitors} | {sample.allocated:.0f} MB | {sample.resident:.0f} MB |\n"
        for sample in taken[::step]
    )
    text = f"""# An hour of visitors

Written by `make soak`, with the profile `hosted`: {taken[-1].visitors} visitors in {minutes:.0f} minutes, one after the
other, who look at views of both bundled models, upload a picture each and leave.

After the first quarter of the time, the memory that the allocator has handed out grows by {slope:.1f} MB an hour, and
the resident memory is at most {highest:.2f} times what it was then.

| minute | visitors | allocated | resident |
| --- | --- | --- | --- |
{rows}"""
    DOCUMENT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
