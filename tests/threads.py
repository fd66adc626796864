"""Compares what threads that share a model compute with what one alone computes: `make threads`.

Meanwhile, three other threads disturb them on the same models: one is cancelled in the middle, one's model raises an
error, and one's runs out of memory.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import cycle, islice

import torch
from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.models import catalogue
from mirror_app.visualisations import registry
from mirror_app.visualisations.core import GradCam
from tests.families import vit
from tests.networks import bundled, quick, resnet18

COMPARISONS = 5_000  # on two threads, and as many on eight
PICTURES = torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))

# Computes the values of one visualisation, of one picture, by a model that others use at the same time.
Job = Callable[[], Tensor]
Disturber = Callable[[nn.Module, Tensor], None]  # takes a model that others use, and a picture


@cache
def models() -> dict[str, tuple[nn.Module, int]]:
    """Return the models that the threads share, two of them bundled, each with the side of its pictures."""
    return {
        "bundled": (bundled(), 64),
        "bundled transformer": (catalogue.load("shapes-transformer").module, 128),
        "ResNet-18": (resnet18(), 64),
        "ViT": (vit().float(), 64),
    }


def jobs() -> list[tuple[str, Job, Tensor]]:
    """Return each job that does not end in a refusal: its name, what to call, and the values that it must return."""
    every: list[tuple[str, Job, Tensor]] = []
    for model_name, (model, side) in models().items():
        for entry in registry.entries():
            for number, picture in enumerate(PICTURES[..., :side, :side].split(1)):

                def job(entry: registry.Entry = entry, model: nn.Module = model, picture: Tensor = picture) -> Tensor:
                    raw: Tensor = entry.kind(model)(picture, None, **quick(entry))[1]["raw"]
                    return raw

                try:
                    every.append((f"{entry.key} of picture {number} by {model_name}", job, job()))
                except MirrorError:
                    continue
    return every


class Raises(nn.Module):
    """A model that raises an error once it has run: a mistake in it, or memory that runs out."""

    def __init__(self, model: nn.Module, fail: Callable[[], object]) -> None:
        super().__init__()
        self.model, self.fail = model, fail

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.model(inputs)
        self.fail()
        return scores


def cancel(model: nn.Module, picture: Tensor) -> None:
    """Start integrated gradients and leave before their end."""
    entry = registry.get("integrated-gradients")
    frames = entry.kind(model).frames(picture, "", target_class=0, steps=64)
    next(frames)
    frames.close()


def fail(model: nn.Module, picture: Tensor) -> None:
    """Explain a model that raises an error."""
    _explain(Raises(model, lambda: [][0]), picture)


def exhaust(model: nn.Module, picture: Tensor) -> None:
    """Explain a model that asks for more memory than there can be."""
    _explain(Raises(model, lambda: torch.empty(2**50)), picture)


def _explain(model: nn.Module, picture: Tensor) -> None:
    try:
        GradCam(model)(picture)
    except (MirrorError, IndexError, RuntimeError):
        return
    raise AssertionError("the model did not fail")


@contextmanager
def disturbed() -> Iterator[list[int]]:
    """Run the disturbers, each in a thread of its own; yield how often each has run."""
    ended, counts = threading.Event(), [0, 0, 0]

    def disturb(number: int, disturber: Disturber) -> None:
        for model, side in cycle(models().values()):
            if ended.is_set():
                return
            disturber(model, PICTURES[:1, :, :side, :side])
            counts[number] += 1
            ended.wait(0.05)

    with ThreadPoolExecutor(3) as pool:
        disturbers = [pool.submit(disturb, *each) for each in enumerate((cancel, fail, exhaust))]
        try:
            yield counts
        finally:
            ended.set()
    for each in disturbers:
        each.result()


def differing(threads: int, comparisons: int, every: list[tuple[str, Job, Tensor]]) -> list[str]:
    """Return the names of the jobs that did not return the same bits as alone, of `comparisons` on several threads."""

    def differs(each: tuple[str, Job, Tensor]) -> str:
        name, job, expected = each
        return "" if torch.equal(job(), expected) else name

    with ThreadPoolExecutor(threads) as pool:
        return list(filter(None, pool.map(differs, islice(cycle(every), comparisons))))


def main() -> None:
    """Compare on two and on eight threads, print the figures, and exit with an error if anything differs."""
    torch.set_num_threads(1)
    every = jobs()
    failed = False
    for threads in (2, 8):
        with disturbed() as counts:
            names = differing(threads, COMPARISONS, every)
        cancelled, raised, exhausted = counts
        print(
            f"{threads} threads: {len(names)} of {COMPARISONS:,} comparisons differ ({len(every)} jobs). Meanwhile, "
            f"{cancelled} computations were cancelled, {raised} raised an error and {exhausted} ran out of memory.",
            *sorted(set(names)),
            sep="\n",
            flush=True,
        )
        failed = failed or bool(names)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
