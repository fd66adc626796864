"""Measures the dashboard as its visitors experience it, and prints a table: `make bench`."""

import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import streamlit
import torch

from benchmarks import checks, film
from benchmarks.in_browser import (
    chromium,
    seconds_on_a_slow_line,
    seconds_to_first_picture,
    seconds_to_guided,
    seconds_to_stop,
)
from benchmarks.visitor import Run, Visitor
from mirror_app.bundled.examples import examples
from mirror_app.models import catalogue
from mirror_app.visualisations.core import GradCam
from tests import ROOT
from tests.server import serve

RUNS = 9
CROWD = 20
PAUSE = 0.2  # seconds between runs: without it, a run waits 40 ms for TCP to acknowledge the previous one
DOCUMENT = ROOT / "docs" / "benchmarks.md"
MANY = "model=resnet50-untrained&visualisation=activations&layer=layer4"  # 2,048 maps
FEW = "model=resnet50-untrained&visualisation=activations&layer=layer1.0.conv1"  # 64 maps
DEEP = "model=densenet201-untrained"  # 712 modules


def redraws(url: str, *queries: str) -> list[list[Run]]:
    """Return the runs of each view when it is redrawn from the cache; the views take turns."""
    visitors = [Visitor(url) for _ in queries]
    for visitor, query in zip(visitors, queries, strict=True):
        visitor.run(query)
        visitor.run(query)
    rounds = [
        [_run_after_pause(visitor, query) for visitor, query in zip(visitors, queries, strict=True)]
        for _ in range(RUNS)
    ]
    for visitor in visitors:
        visitor.__exit__()
    return [list(column) for column in zip(*rounds, strict=True)]


def _run_after_pause(visitor: Visitor, query: str) -> Run:
    time.sleep(PAUSE)
    return visitor.run(query)


def seconds(runs: list[Run]) -> float:
    """Return the median duration of the runs, in seconds."""
    return median(run.seconds for run in runs)


def bare_grad_cam(guide: bool = False) -> float:
    """Return the seconds that a Grad-CAM of the bundled network takes alone, once its private copy exists."""
    model = catalogue.load("shapes")
    inputs = model.preprocessing.prepare(examples()[0])
    grad_cam = GradCam(model.module)
    return median_seconds(lambda: grad_cam(inputs, "features", guide=guide))


def median_seconds(call: Callable[[], object]) -> float:
    """Return the median duration of a call after a warm-up, in seconds."""
    call()
    spans = []
    for _ in range(RUNS):
        started = time.perf_counter()
        call()
        spans.append(time.perf_counter() - started)
    return median(spans)


def first_visit(url: str, query: str) -> float:
    """Return the seconds until the page is complete for a new visitor."""
    with Visitor(url) as visitor:
        return visitor.run(query).seconds


def seconds_to_guided_at_server(url: str) -> float:
    """Return the seconds from switching “Guided” on until the server sends the new picture, in an uncached view."""

    def seconds_for(target: int) -> float:
        with Visitor(url) as visitor:
            visitor.run(f"target_class={target}")
            time.sleep(PAUSE)
            return visitor.run(f"target_class={target}", "Guided").picture

    return median(seconds_for(target) for target in range(RUNS))


def seconds_after_start(crowd: int) -> float:
    """Return the seconds until all of `crowd` simultaneous visitors of a newly started server have the whole page."""
    with serve(ROOT / "mirror_app" / "main.py") as url, ThreadPoolExecutor(crowd) as together:
        return max(together.map(lambda _: first_visit(url, ""), range(crowd)))


def seconds_in_browser(url: str) -> tuple[float, float]:
    """Return the seconds until a browser shows the first picture, for one visitor and at worst for CROWD visitors.

    The other visitors have no browser here, since real visitors' browsers run on other machines.
    """
    with chromium() as browser, ThreadPoolExecutor(CROWD) as others:
        alone = median(seconds_to_first_picture(browser, url) for _ in range(RUNS))

        def start_others() -> None:
            for _ in range(CROWD - 1):
                others.submit(first_visit, url, "")

        crowded = max(seconds_to_first_picture(browser, url, start_others) for _ in range(5))
        return alone, crowded


def row(what: str, measured: str, ratio: float, bound: float) -> str:
    """Return a line of the table."""
    return f"| {what} | {measured} | {ratio:.2f} | {bound:g} | {'yes' if ratio <= bound else '**no**'} |"


def ms(span: float) -> str:
    """Return a duration in seconds as text in milliseconds."""
    return f"{span * 1000:.0f} ms"


def table(main: str, empty: str, picture: str) -> list[str]:
    """Return the lines of the table.

    Args:
        main: The address of the dashboard.
        empty: The address of a page with the same sidebar and no content.
        picture: The address of a page with the same sidebar and one picture.
    """
    bundled, deep, few, many = redraws(main, "", DEEP, FEW, MANY)
    (frame,) = redraws(empty, "")
    rows = [
        row(
            "redrawing a cached view, relative to an empty page with the same sidebar",
            f"{ms(seconds(bundled))}, {ms(seconds(frame))}",
            seconds(bundled) / seconds(frame),
            3,
        )
    ]
    floor = bare_grad_cam()
    first = median(first_visit(main, f"target_class={number}") for number in range(RUNS))
    rows.append(
        row(
            "first Grad-CAM for a new visitor on a warm server, relative to 1.3 × the computation alone + 150 ms",
            f"{ms(first)}, alone {ms(floor)}",
            first / (1.3 * floor + 0.15),
            1,
        )
    )
    rows.append(
        row(
            "redrawing the tree of DenseNet-201 (712 layers), relative to that of the bundled network",
            f"{ms(seconds(deep))}, {ms(seconds(bundled))}",
            seconds(deep) / seconds(bundled),
            2,
        )
    )
    rows.append(
        row(
            "redrawing 2,048 feature maps, relative to redrawing 64",
            f"{ms(seconds(many))}, {ms(seconds(few))}",
            seconds(many) / seconds(few),
            2,
        )
    )
    floor = bare_grad_cam(guide=True)
    with chromium() as browser:
        guided, plain = (
            median(seconds_to_guided(browser, f"{url}/?input={example.id}") for example in examples())
            for url in (main, picture)
        )
        stop = max(seconds_to_stop(browser, main) for _ in range(5))
        slow = median(seconds_on_a_slow_line(browser, main) for _ in range(3))
    what = "from a change of a setting until the picture is sent, relative to 1.5 × the computation alone + 150 ms"
    at_server = seconds_to_guided_at_server(main)
    rows.append(row(what, f"{ms(at_server)}, alone {ms(floor)}", at_server / (1.5 * floor + 0.15), 1))
    what = (
        "from a change of a setting until a browser on this machine shows the picture, relative to "
        "1.5 × the computation alone + the same on a page with only a picture"
    )
    rows.append(row(what, f"{ms(guided)}, {ms(plain)}", guided / (1.5 * floor + plain), 2))
    rows.append(row("worst time from pressing Stop until the Dream page is idle, relative to 1 s", ms(stop), stop, 1))
    rows.append(
        row("first picture at 1.5 Mbit/s and 300 ms latency, empty cache, relative to 8 s", ms(slow), slow / 8, 1)
    )
    for what, alone, crowded in (
        ("first picture in a browser", *seconds_in_browser(main)),
        ("first page of a newly started server", seconds_after_start(1), seconds_after_start(CROWD)),
    ):
        rows.append(
            row(
                f"{what}, worst time with {CROWD} visitors at once, relative to one visitor",
                f"{ms(crowded)}, {ms(alone)}",
                crowded / alone,
                5,
            )
        )
    whole, share = checks.share()
    what = "checks that the model is unchanged, relative to the whole warm ResNet-50 Grad-CAM, under a profiler"
    rows.append(row(what, f"whole {ms(whole)}", share, 0.03))
    sent = max(run.bytes for runs in (bundled, deep, few, many) for run in runs)
    what = "most bytes that a redraw sends again, relative to 50 kB"
    rows.append(row(what, f"{sent / 1000:.1f} kB", sent / 50_000, 1))
    return rows


def model_list_row(url: str) -> str:
    """Return the line for the page at `url`, which shows only the list of models.

    Streamlit sends a session's messages every 10 ms, so a run takes either as long as the server works or up to 10 ms
    more. The fastest run shows the server's work.
    """
    listed, empty = (min(run.seconds for run in runs) for runs in redraws(url, "", "list=empty"))
    what = f"redrawing the list of {len(catalogue.names()):,} models, fastest run, relative to an empty list"
    return row(what, f"{ms(listed)}, {ms(empty)}", listed / empty, 2)


def film_row() -> str:
    """Return the line for a film."""
    whole, palettes = film.seconds()
    what = "a GIF of 97 frames, relative to the search for a palette for each frame, in computing time"
    return row(what, f"{ms(whole)}, {ms(palettes)}", whole / palettes, 0.2)


def main() -> None:
    """Measure everything, print the table and write it to `docs/benchmarks.md`, or to the file given as an argument."""
    with (
        serve(ROOT / "mirror_app" / "main.py") as dashboard,
        serve(ROOT / "benchmarks" / "empty.py") as empty,
        serve(ROOT / "benchmarks" / "one_picture.py") as picture,
        serve(ROOT / "benchmarks" / "model_list.py") as models,
    ):
        rows = [*table(dashboard, empty, picture), model_list_row(models), film_row()]
    head = [
        "# Benchmarks",
        "",
        "`make bench` wrote this. Each line divides a measured time or size by a reference. The second measured time,",
        "if any, is the reference or a part of it, from the same run on the same machine. Another machine gives",
        "different times, but similar ratios. Most times are medians.",
        "",
        f"{datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, PyTorch {torch.__version__}, Streamlit {streamlit.__version__}.",
        "",
        "| what | measured | ratio | at most | within |",
        "| --- | --- | --- | --- | --- |",
    ]
    text = "\n".join([*head, *rows, ""])
    print(text)
    Path(sys.argv[1] if len(sys.argv) > 1 else DOCUMENT).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
