"""What hostile visitors do to the real dashboard with the profile `hosted`; `make attacks` measures what it costs."""

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from PIL import Image

from benchmarks.visitor import Visitor
from tests.images.files import saved
from tests.server import hosted

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with hosted("computations = 1") as address:
        yield address


def picture(side: int, red: int = 0) -> bytes:
    return saved(Image.new("RGB", (side, side), (red, 0, 0)), "PNG")


def test_pictures_are_as_large_as_telephones_take_them_and_no_larger(url: str) -> None:
    with Visitor(url) as visitor:
        visitor.run()
        visitor.upload({"telephone.png": saved(Image.new("RGB", (4032, 3024)), "PNG")})
        assert visitor.sentences == []
        visitor.upload({"bomb.png": picture(5000)})
        (sentence,) = visitor.sentences
        assert "bomb" in sentence
        assert "13 million pixels" in sentence


def test_a_visitor_s_pictures_are_bounded_together_and_the_uploads_are_not_kept(url: str) -> None:
    with Visitor(url) as visitor:
        visitor.run()
        padding = bytes(9 * 2**20)  # behind a picture, where no reader looks
        statuses, _ = visitor.upload({f"{number}.png": picture(20, number) + padding for number in range(5)})
        assert statuses == [204] * 5
        assert visitor.sentences == []
        for number in range(
            2
        ):  # the page has read the files, so there is room for more; but these are too many to keep
            statuses, _ = visitor.upload({f"{number}.png": picture(30, number) + padding})
            assert statuses == [204]
            assert "50 MB" in visitor.sentences[0]


def test_a_busy_server_refuses_politely_and_serves_again(url: str) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(Visitor(url))
        running = threading.Thread(target=first.run, args=("visualisation=rise&n=2000&seed=3",))
        running.start()
        refusals: list[str] = []
        targets = iter(range(32))  # each visit needs a result that is in no cache
        while running.is_alive() and not refusals:
            other = stack.enter_context(Visitor(url))
            other.run(f"target_class={next(targets)}")
            refusals = [sentence for sentence in other.sentences if "busy" in sentence]
        assert "Try again" in refusals[0]
        running.join()
        assert other.run().picture < math.inf
        assert not any("busy" in sentence for sentence in other.sentences)


def test_a_computation_that_takes_too_long_is_ended_with_a_sentence() -> None:
    with hosted("seconds = 1") as address:
        with Visitor(address) as visitor:
            visitor.run("visualisation=rise&n=8000")
            assert "longer than the 1 seconds" in visitor.sentences[0]
        with Visitor(address) as visitor:
            assert visitor.run().picture < math.inf
            assert visitor.sentences == []
