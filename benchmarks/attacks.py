"""What a hostile visitor can do to a hosted demo: `python -m benchmarks.attacks` writes docs/attacks.md.

Each attack runs against a server of its own, with the profile `hosted`, on this machine only. Another visitor goes on
looking at a view that is cached, and the slowest of these redraws is what the attack costs the others.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import psutil
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed

from benchmarks.visitor import Visitor
from mirror_app.decoding.files import MAX_BYTES
from tests import ROOT
from tests.images.files import bmp, chunk, png, saved
from tests.server import hosted

DOCUMENT = ROOT / "docs" / "attacks.md"
SIDE = 3600  # pixels: the largest square picture that the profile accepts
HEAVY = "model=vit_b_16-untrained&visualisation=rise&n=8000&seed={}"
LARGE = "model=vit_h_14-untrained"
LONG_PASS = f"{LARGE}&visualisation=grad-cam&target_class={{}}"
MEGABYTE = 2**20


@dataclass
class Watch:
    """What is measured while an attack goes on: the server's memory, and how long a neighbour's redraws take."""

    url: str
    process: psutil.Process
    memory: float = 0.0
    redraws: list[float] = field(default_factory=list)

    def megabytes(self) -> float:
        """Return the resident memory of the server and of the processes that it has started."""
        command, total = self.process.cmdline(), self.process.memory_info().rss
        for process in self.process.children(recursive=True):
            try:
                # A process that does not run its own program yet has the memory of the server.
                total += process.memory_info().rss if process.cmdline() != command else 0
            except psutil.NoSuchProcess:
                continue
        return total / MEGABYTE

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Measure in two threads as long as the context lasts."""
        done = threading.Event()
        with Visitor(self.url) as neighbour:
            neighbour.run()

            def redraw() -> None:
                while not done.wait(0.1):
                    self.redraws.append(neighbour.run().seconds)

            def weigh() -> None:
                while not done.wait(0.02):
                    self.memory = max(self.memory, self.megabytes())

            threads = [threading.Thread(target=work) for work in (redraw, weigh)]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                done.set()
                for thread in threads:
                    thread.join()


@contextmanager
def attacked() -> Iterator[Watch]:
    """Start a server with the profile `hosted`, and yield a watch on it once it has shown a first picture."""
    with hosted() as url:
        (process,) = psutil.Process().children()
        with Visitor(url) as visitor:
            visitor.run()
        time.sleep(2)
        yield Watch(url, process)


def bomb(number: int) -> bytes:
    """Return a small file of a picture as large as the profile accepts, each of another colour."""
    return saved(Image.new("RGB", (SIDE, SIDE), (number % 256, number // 256, 7)), "WEBP", lossless=True)


def busy_files() -> dict[str, bytes]:
    """Return files below the limit that keep a reader busy for seconds, by name."""
    photograph, room = saved(Image.new("RGB", (9, 9)), "JPEG"), MAX_BYTES - 40_000
    return {
        "padding.jpg": photograph[:2] + b"\xff" * room + photograph[2:],
        "chunks.png": png(2, 2, 8, 0, bytes(6), before=chunk(b"prVt", b"") * (room // 12)),
        "parts.png": png(2, 2, 8, 0, bytes(6), after=chunk(b"IDAT", b"") * (room // 12)),
        "runs.bmp": bmp(SIDE, SIDE, 8, 1, b"\x01\x05" * (room // 2) + b"\0\x01"),
    }


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def picture_bombs() -> str:
    """Twelve visitors, each with four small files of thirteen megapixels."""
    with attacked() as watch:
        before = watch.megabytes()
        files = [{f"{number}.webp": bomb(12 * number + visitor) for number in range(4)} for visitor in range(12)]

        def attack(mine: dict[str, bytes]) -> None:
            with Visitor(watch.url) as visitor:
                visitor.run()
                visitor.upload(mine)

        with watch.watching(), ThreadPoolExecutor(12) as visitors:
            list(visitors.map(attack, files))
        highest = watch.memory - before
        time.sleep(60)
        after = watch.megabytes() - before
    return _row(
        "12 visitors, each with four files of 500 bytes and 13 megapixels",
        f"at most {highest:.0f} MB more; {after:.0f} MB more a minute after they have left",
        watch,
    )


def busy_pictures() -> str:
    """Files that keep a reader busy, by four visitors at once."""
    with attacked() as watch:

        def attack(item: tuple[str, bytes]) -> None:
            with Visitor(watch.url) as visitor:
                visitor.run()
                visitor.upload(dict([item]))

        with watch.watching(), ThreadPoolExecutor(4) as visitors:
            total = seconds(lambda: list(visitors.map(attack, busy_files().items())))
    return _row("four files of 10 MB that keep a reader busy for 2 to 3 seconds each", f"read in {total:.1f} s", watch)


def hoarded_uploads() -> str:
    """One visitor who uploads eighty large files under ids of its own and never reads them."""
    with attacked() as watch:
        before = watch.megabytes()
        with Visitor(watch.url) as visitor, watch.watching():
            visitor.run()
            content = bytes(MAX_BYTES - 10_000)
            path = f"_stcore/upload_file/{visitor.session}"
            statuses = [visitor.put(f"{path}/{number}", f"{number}.png", content) for number in range(80)]
        accepted = sum(status < 400 for status in statuses)
        result = f"{accepted} accepted, the others refused; {watch.memory - before:.0f} MB more"
    return _row("80 uploads of 10 MB that are never read", result, watch)


def shared_caches() -> str:
    """A visitor who asks to clear the caches of everybody, ten times."""
    with attacked() as watch:
        threads = watch.process.num_threads()
        with Visitor(watch.url) as visitor, watch.watching():
            visitor.run()
            for _ in range(10):
                visitor.send(BackMsg(clear_cache=True))
                visitor.run()
        with Visitor(watch.url) as newcomer:
            wait = newcomer.run().seconds
        result = (
            f"dropped; a newcomer has the page in {wait:.2f} s; {watch.process.num_threads() - threads} more threads"
        )
    return _row("ten messages that clear the caches of all visitors", result, watch)


def full_queue() -> str:
    """Two visitors with long computations on a large model; a newcomer wants a quick picture."""
    with attacked() as watch, ExitStack() as stack:
        target = iter(range(100))

        def quick() -> float:
            with Visitor(watch.url) as newcomer:
                return newcomer.run(f"target_class={next(target)}").picture

        alone = min(quick() for _ in range(3))
        for seed in range(2):
            visitor = stack.enter_context(Visitor(watch.url))
            threading.Thread(target=visitor.run, args=(HEAVY.format(seed),), daemon=True).start()
        time.sleep(20)
        with watch.watching():
            times = [quick() for _ in range(5)]
        result = f"a newcomer's Grad-CAM takes {max(times):.2f} s; alone {alone:.2f} s"
        row = _row("two visitors with RISE, 8,000 masks, on a ViT-B/16", result, watch)
        watch.process.kill()
    return row


def long_passes() -> str:
    """Two visitors whose computations are one long pass each; both leave, and a newcomer wants a picture."""
    with attacked() as watch:
        with Visitor(watch.url) as first:
            first.run(f"{LARGE}&visualisation=kernels")  # loads the model
        with watch.watching(), ExitStack() as stack:
            for target in range(2):
                visitor = stack.enter_context(Visitor(watch.url))
                threading.Thread(target=_run_until_closed, args=(visitor, LONG_PASS.format(target))).start()
            time.sleep(3)
        with Visitor(watch.url) as newcomer:
            wait = newcomer.run("target_class=5").picture
    return _row(
        "two visitors with a pass of many seconds through a ViT-H/14, who leave",
        f"a newcomer waits {wait:.1f} s",
        watch,
    )


def _run_until_closed(visitor: Visitor, query: str) -> None:
    with suppress(ConnectionClosed):
        visitor.run(query)


def many_visits() -> str:
    """Two hundred visitors who come and leave; then nobody comes."""
    with attacked() as watch:
        time.sleep(65)
        before = watch.process.num_threads(), watch.process.num_fds()
        for _ in range(200):
            with Visitor(watch.url) as visitor:
                visitor.run()
        highest = watch.process.num_fds()
        time.sleep(90)
        threads, files = watch.process.num_threads(), watch.process.num_fds()
        result = f"open files: {before[1]}, at most {highest}, then {files}; threads: {before[0]}, then {threads}"
    return _row("200 visitors who come and leave, and nobody after them", result, None)


def _row(attack: str, result: str, watch: Watch | None) -> str:
    redraw = f"{max(watch.redraws):.2f} s" if watch else ""
    return f"| {attack} | {result} | {redraw} |"


ATTACKS = (picture_bombs, busy_pictures, hoarded_uploads, shared_caches, full_queue, long_passes, many_visits)


def main() -> None:
    """Run all attacks and write the document."""
    rows = [attack() for attack in ATTACKS]
    text = f"""# Attacks on a hosted demo

Written by `make attacks`, on a machine with {psutil.cpu_count()} cores, with the profile `hosted`. Each attack runs
against a server of its own. The last column is the slowest redraw of a
neighbour, who looks at a view that is cached all the while.

| attack | what happens | slowest redraw |
| --- | --- | --- |
""" + "".join(f"{row}\n" for row in rows)
    DOCUMENT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
