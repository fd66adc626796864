"""One visitor's long computation: it goes on while other pages are looked at, and what it has made stays."""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch

from mirror_app import engine, images
from mirror_app.engine import Result
from mirror_app.engine.jobs import Job, Jobs
from mirror_app.engine.request import Request
from mirror_app.export import animation, package
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.params import checked
from mirror_app.visualisations import registry

Store = Callable[[Request, Result], None]


@dataclass(frozen=True)
class FrameSnapshot:
    """The newest frame of a dream, as a PNG file too, and the film up to it."""

    result: Result
    still: bytes
    film: animation.Film


class BackgroundRun:
    """A request that is computed frame by frame, until its end or until `stop`."""

    def __init__(
        self, jobs: Jobs[FrameSnapshot], request: Request, model: Model, picture: Picture, store: Store
    ) -> None:
        self.request, self.picture = request, picture
        self.stopped = False
        self._last: FrameSnapshot | None = None  # when it was stopped: the work itself goes on for a moment
        self._hold = ExitStack()  # a job lives while somebody holds it
        self._jobs = jobs
        self.job: Job[FrameSnapshot] = self._hold.enter_context(
            jobs.join(f"{request.digest()} {time.monotonic_ns()}", partial(_snapshots, request, model, picture, store))
        )

    @property
    def running(self) -> bool:
        return not (self.stopped or self.job.done.is_set())

    @property
    def newest(self) -> FrameSnapshot | None:
        return self._last if self.stopped else self.job.newest

    @property
    def ahead(self) -> int:
        """How many others must be through before this one begins."""
        return self._jobs.ahead(self.job)

    def stop(self) -> None:
        """Let go of the computation: it ends with its next frame, and what there is stays."""
        if self.running:
            self._last, self.stopped = self.job.newest, True
        self._hold.close()
        self.job.left = float("-inf")  # nobody else holds this one, so that it need not wait for who comes back


class RunSlot:
    """Holds the dream that a visitor began last, and ends it when the visitor is gone.

    What a dream has made when it reaches its end goes to `store`.
    """

    def __init__(self, jobs: Jobs[FrameSnapshot], store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self.run: BackgroundRun | None = None

    def begin(self, request: Request, model: Model, picture: Picture) -> None:
        """Begin a dream, and end the one before it."""
        self.end()
        self.run = BackgroundRun(self._jobs, request, model, picture, self._store)

    def end(self) -> None:
        """End what runs."""
        if self.run:
            self.run.stop()


def generated_picture(result: Result, model: Model, picture: Picture) -> Picture:
    """Return the pixels that `result` made of `picture` as a picture that goes to the model as it is."""
    mean, std = (torch.tensor(part)[:, None, None] for part in model.preprocessing.scale(picture))
    exact = (torch.from_numpy(result.raw[0]) - mean) / std
    name = picture.name.removesuffix(", dreamed") + ", dreamed"
    found = images.from_tensor(exact.to(model.dtype), name, model.preprocessing)
    return images.with_extra_inputs(found, picture.extra_inputs) if picture.extra_inputs else found


def predicted_picture(request: Request, result: Result, model: Model, picture: Picture) -> Picture:
    """Return the picture of which it is told how sure the model is: what was made, or what was looked at."""
    is_iterative = registry.get(request.visualisation).kind.is_iterative
    return generated_picture(result, model, picture) if is_iterative else picture


def filter_of(request: Request) -> int | None:
    """Return the number of the filter that `request` asks for; None where it asks for no single one."""
    entry = registry.get(request.visualisation)
    channel = checked(entry.params, dict(request.params)).get("channel")
    return channel if isinstance(channel, int) and channel >= 0 else None


def _snapshots(request: Request, model: Model, picture: Picture, store: Store) -> Generator[FrameSnapshot, None, None]:
    model_input_rgb = model.preprocessing.model_input_rgb(picture)
    film = animation.Film()
    for result in engine.frames(request, model, picture):
        still = package.still(request, result.raw, model_input_rgb)
        film.add(still)
        yield FrameSnapshot(result, still, film)
    store(request, result)
