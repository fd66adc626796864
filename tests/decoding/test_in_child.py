"""Files of strangers are decoded in a process of its own, which gives what this process would, and can be ended."""

import gc
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from mirror_app.decoding import child, in_child
from mirror_app.decoding.files import MAX_PIXELS, Decoded, UnreadableError, read_file
from mirror_app.decoding.in_child import read_file_in_child
from mirror_app.decoding.reading import FORMATS
from mirror_app.images import MAX_BYTES, PixelCache, decode, decode_upload
from mirror_app.images.pixels import PixelsInFile
from tests.images.files import RGB, app1, bmp, chunk, jpeg_with, png, saved
from tests.refused import refused

FILES = {
    **{form: saved(RGB, form) for form in FORMATS},
    "clear": saved(Image.new("RGBA", (3, 4), (9, 8, 7, 128)), "PNG"),
    "turned": jpeg_with(app1(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")),
    "empty": b"",
    "text": b"hello",
    "cut": saved(RGB, "PNG")[:300],
    "huge": png(20000, 20000, 8, 2, b""),
    "large": bytes(MAX_BYTES + 1),
}


def outcome(decode_file: Callable[[], Decoded]) -> tuple[object, ...]:
    """The pixels, their shape and the notes, or the reason why the file is refused."""
    try:
        pixels, notes = decode_file()
    except UnreadableError as error:
        return (str(error),)
    return pixels.tobytes(), pixels.shape, notes


@pytest.mark.parametrize("name", FILES)
def test_it_gives_what_this_process_gives_or_the_same_reason(name: str) -> None:
    assert outcome(lambda: read_file_in_child(FILES[name], MAX_PIXELS)) == outcome(lambda: read_file(FILES[name]))


def test_the_limit_of_pixels_is_the_caller_s() -> None:
    data = png(1000, 1001, 1, 0, bytes(126 * 1001))
    assert read_file_in_child(data, 1_001_000)[0].shape == (1001, 1000, 3)
    with pytest.raises(UnreadableError, match="1000 x 1001 pixels"):
        read_file_in_child(data, 1_000_000)
    with refused(culprit="x", accepted="PNG, JPEG, WEBP, BMP or GIF, up to 10 MB and 1 million pixels"):
        decode_upload(data, "x", 1, PixelCache(1))


# Small files that keep Pillow busy for seconds.
JPEG, ROOM = saved(RGB, "JPEG"), MAX_BYTES - 4000
BUSY = {
    "padding": JPEG[:2] + b"\xff" * ROOM + JPEG[2:],
    "private chunks": png(2, 2, 8, 0, bytes(6), before=chunk(b"prVt", b"") * (ROOM // 12)),
    "empty parts": png(2, 2, 8, 0, bytes(6), after=chunk(b"IDAT", b"") * (ROOM // 12)),
    "runs": bmp(5000, 5000, 8, 1, b"\x01\x05" * (ROOM // 2) + b"\0\x01"),
}


@pytest.mark.parametrize("name", BUSY)
def test_a_file_that_keeps_the_reader_busy_is_ended_and_costs_this_process_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_child, "SECONDS", 1)
    before, own = _seconds_of_children(), time.thread_time()  # other tests may have left threads at work
    with pytest.raises(UnreadableError, match="too much time"):
        read_file_in_child(BUSY[name], MAX_PIXELS)
    assert 0.9 < _seconds_of_children() - before < 2
    assert time.thread_time() - own < 0.3


def _seconds_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_a_process_that_waits_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_child, "SECONDS", 1)
    monkeypatch.setattr(in_child, "_PATIENCE", 0.5)
    monkeypatch.setattr(child, "__name__", "tests.decoding.waiting")
    start = time.monotonic()
    with pytest.raises(UnreadableError, match="too much time"):
        read_file_in_child(FILES["PNG"], MAX_PIXELS)
    assert time.monotonic() - start < 10


def test_the_memory_of_the_process_is_bounded() -> None:
    program = "from mirror_app.decoding.child import _restrict; _restrict(2**28, 5); bytearray(2**28)"
    failed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "MemoryError" in failed.stderr


def test_the_largest_picture_of_each_format_fits_into_the_memory() -> None:
    side = int(MAX_PIXELS**0.5)
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True, "method": 0}), ("JPEG", {"progressive": True})):
        data = saved(Image.new("RGB" if form == "JPEG" else "RGBA", (side, side)), form, **options)
        assert read_file_in_child(data, MAX_PIXELS)[0].shape == (side, side, 3)


def test_one_picture_at_a_time_is_decoded() -> None:
    running = 0

    def count() -> None:
        nonlocal running
        while not done.wait(0.002):
            children = subprocess.run(
                ["pgrep", "-cP", str(os.getpid()), "-f", child.__name__], capture_output=True, check=False
            )
            running = max(running, int(children.stdout))

    done = threading.Event()
    threads = [threading.Thread(target=read_file_in_child, args=(FILES["PNG"], MAX_PIXELS)) for _ in range(4)]
    counter = threading.Thread(target=count)
    for thread in [counter, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    counter.join()
    assert running == 1


def test_pixels_that_were_dropped_are_decoded_again() -> None:
    cache = PixelCache(2 * RGB.nbytes)
    pictures = [decode_upload(saved(np.roll(RGB, shift), "PNG"), "x", 12, cache) for shift in range(3)]
    assert cache.bytes == 2 * RGB.nbytes
    for shift, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture.pixels, np.roll(RGB, shift))
        assert picture.id == decode(saved(np.roll(RGB, shift), "PNG"), "x").id
        assert not picture.pixels.flags.writeable
        assert cache.bytes == 2 * RGB.nbytes
    assert pictures[2].pixels is pictures[2].pixels
    pictures.clear()
    del picture
    assert cache.bytes == 0


def test_a_picture_larger_than_the_cache_is_shown_all_the_same() -> None:
    cache = PixelCache(10)
    picture = decode_upload(saved(RGB, "PNG"), "x", 12, cache)
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.stored.shape == RGB.shape
    assert picture.stored.file_bytes == len(saved(RGB, "PNG"))
    assert cache.bytes == 0


def test_pixels_that_the_garbage_collector_frees_at_any_moment_do_no_harm() -> None:
    cache, threshold = PixelCache(10 * RGB.nbytes), gc.get_threshold()
    arrays = [RGB.copy() for _ in range(300)]
    gc.set_threshold(1)
    try:
        for array in arrays:
            cycle: list[object] = [PixelsInFile(array, 0, cache, RGB.copy)]
            cycle.append(cycle)
    finally:
        gc.set_threshold(*threshold)
    del cycle
    gc.collect()
    assert cache.bytes == 0
