"""Measure the dashboard as its visitors meet it and print a table: `make bench`."""

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

from benchmarks import checks
from benchmarks.in_browser import chromium, opened, stopped, turned
from benchmarks.visitor import Run, Visitor
from mirror_app.bundled.examples import examples
from mirror_app.models import catalogue
from mirror_app.visualisations.core import GradCam
from tests.browser import ROOT, serve

RUNS = 9
CROWD = 20
PAUSE = 0.2  # seconds between runs: hard on another's heels, a run waits 40 ms for TCP to acknowledge the last one
DOCUMENT = ROOT / "docs" / "benchmarks.md"
MANY = "model=resnet50-untrained&visualisation=activations&layer=layer4"  # 2,048 maps
FEW = "model=resnet50-untrained&visualisation=activations&layer=layer1.0.conv1"  # 64 maps
DEEP = "model=densenet201-untrained"  # 712 modules


def redraws(url: str, *queries: str) -> list[list[Run]]:
    """Redraw each of the views, which were seen before, in turn: a list of runs for each."""
    visitors = [Visitor(url) for _ in queries]
    for visitor, query in zip(visitors, queries, strict=True):
        visitor.run(query)
        visitor.run(query)
    rounds = [[_rested(visitor, query) for visitor, query in zip(visitors, queries, strict=True)] for _ in range(RUNS)]
    for visitor in visitors:
        visitor.__exit__()
    return [list(column) for column in zip(*rounds, strict=True)]


def _rested(visitor: Visitor, query: str) -> Run:
    time.sleep(PAUSE)
    return visitor.run(query)


def seconds(runs: list[Run]) -> float:
    return median(run.seconds for run in runs)


def bare(guide: bool = False) -> float:
    """Return the seconds that one Grad-CAM of the bundled network takes by itself, its view made before."""
    model = catalogue.load("shapes")
    inputs = model.preprocessing.prepare(examples()[0])
    grad_cam = GradCam(model.module)
    return timed(lambda: grad_cam(inputs, "features", guide=guide))


def timed(call: Callable[[], object]) -> float:
    call()
    spans = []
    for _ in range(RUNS):
        began = time.perf_counter()
        call()
        spans.append(time.perf_counter() - began)
    return median(spans)


def first_visit(url: str, query: str) -> float:
    with Visitor(url) as visitor:
        return visitor.run(query).seconds


def turned_at_server(url: str) -> float:
    """Return the seconds from “Guided” until the new picture comes to a visitor, at a view that nobody saw before."""

    def turned(target: int) -> float:
        with Visitor(url) as visitor:
            visitor.run(f"target_class={target}")
            time.sleep(PAUSE)
            return visitor.run(f"target_class={target}", "Guided").picture

    return median(turned(target) for target in range(RUNS))


def woken(crowd: int) -> float:
    """Return the seconds until the last of a crowd that comes at once to a server just started has its picture."""
    with serve(ROOT / "mirror_app" / "main.py") as url, ThreadPoolExecutor(crowd) as together:
        return max(together.map(lambda _: first_visit(url, ""), range(crowd)))


def among_others(url: str) -> tuple[float, float]:
    """Return the seconds until a person at a browser sees the first picture: alone, and at worst among CROWD at once.

    The others are visitors without a browser, for in life theirs would not run on the server's machine.
    """
    with chromium() as browser, ThreadPoolExecutor(CROWD) as others:
        alone = median(opened(browser, url) for _ in range(RUNS))

        def come() -> None:
            for _ in range(CROWD - 1):
                others.submit(first_visit, url, "")

        crowded = max(opened(browser, url, come) for _ in range(5))
        return alone, crowded


def row(what: str, measured: str, ratio: float, bound: float) -> str:
    return f"| {what} | {measured} | {ratio:.2f} | {bound:g} | {'yes' if ratio <= bound else '**no**'} |"


def ms(span: float) -> str:
    return f"{span * 1000:.0f} ms"


def table(main: str, empty: str, picture: str) -> list[str]:
    shown, deep, few, many = redraws(main, "", DEEP, FEW, MANY)
    (frame,) = redraws(empty, "")
    rows = [
        row(
            "a cached view redrawn, to an empty page with the same frame",
            f"{ms(seconds(shown))}, {ms(seconds(frame))}",
            seconds(shown) / seconds(frame),
            3,
        )
    ]
    floor = bare()
    first = median(first_visit(main, f"target_class={number}") for number in range(RUNS))
    rows.append(
        row(
            "a first Grad-CAM on a warm server, a new visit, to 1.3 bare computations and 150 ms",
            f"{ms(first)}, bare {ms(floor)}",
            first / (1.3 * floor + 0.15),
            1,
        )
    )
    rows.append(
        row(
            "DenseNet-201's tree (712 layers) redrawn, to the bundled network's",
            f"{ms(seconds(deep))}, {ms(seconds(shown))}",
            seconds(deep) / seconds(shown),
            2,
        )
    )
    rows.append(
        row(
            "2,048 maps redrawn, to 64",
            f"{ms(seconds(many))}, {ms(seconds(few))}",
            seconds(many) / seconds(few),
            2,
        )
    )
    floor = bare(guide=True)
    with chromium() as browser:
        knob, plain = (
            median(turned(browser, f"{url}/?input={example.id}") for example in examples()) for url in (main, picture)
        )
        stop = max(stopped(browser, main) for _ in range(5))
    what = "a knob turned, until the new picture is sent, to 1.5 bare computations and 150 ms"
    at_server = turned_at_server(main)
    rows.append(row(what, f"{ms(at_server)}, bare {ms(floor)}", at_server / (1.5 * floor + 0.15), 1))
    what = "the same until a browser on these two cores shows it, to 1.5 bare computations and a page with one picture"
    rows.append(row(what, f"{ms(knob)}, {ms(plain)}", knob / (1.5 * floor + plain), 2))
    rows.append(row("Stop on the dream page, until it is idle, at worst, to a second", ms(stop), stop, 1))
    for what, alone, together in (
        ("a first picture in a browser", *among_others(main)),
        ("a first picture on a server just started, the last of them", woken(1), woken(CROWD)),
    ):
        rows.append(row(f"{what}, {CROWD} at once to one", f"{ms(together)}, {ms(alone)}", together / alone, 5))
    whole, share = checks.share()
    what = "checks that a model is left alone, share of a warm ResNet-50 Grad-CAM, profiled"
    rows.append(row(what, ms(whole), share, 0.03))
    sent = max(run.bytes for runs in (shown, deep, few, many) for run in runs)
    rows.append(row("bytes sent again by a redraw, to 50 kB", f"{sent / 1000:.1f} kB at most", sent / 50_000, 1))
    return rows


def main() -> None:
    with (
        serve(ROOT / "mirror_app" / "main.py") as dashboard,
        serve(ROOT / "benchmarks" / "empty.py") as empty,
        serve(ROOT / "benchmarks" / "one_picture.py") as picture,
    ):
        rows = table(dashboard, empty, picture)
    head = [
        "# Benchmarks",
        "",
        "`make bench` wrote this. Each line is a ratio of two medians of the same run, on this machine; another",
        "machine gives other times, and much the same ratios.",
        "",
        f"{datetime.now(UTC):%d %B %Y}: {os.cpu_count()} cores ({platform.machine()}), Python "
        f"{platform.python_version()}, PyTorch {torch.__version__}, Streamlit {streamlit.__version__}.",
        "",
        "| what | measured | ratio | at most | kept |",
        "| --- | --- | --- | --- | --- |",
    ]
    text = "\n".join([*head, *rows, ""])
    print(text)
    Path(sys.argv[1] if len(sys.argv) > 1 else DOCUMENT).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
