"""Dreams: long computations of a visitor, which continue while other pages are open and keep their newest frame."""

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
from mirror_app.ui.state.visitor import visitor
from mirror_app.ui.store.selection import Selection

Store = Callable[[Request, Result], None]


@dataclass(frozen=True)
class FrameSnapshot:
    """A frame of a dream: its result, its PNG file, and the film up to it."""

    result: Result
    still: bytes
    film: animation.Film


class BackgroundRun:
    """A selection that is computed frame by frame, until it is finished or `stop` is called."""

    def __init__(self, jobs: Jobs[FrameSnapshot], selection: Selection, store: Store) -> None:
        self.selection = selection
        self.stopped = False
        self._last: FrameSnapshot | None = None  # the newest frame when the run was stopped
        self._membership = ExitStack()  # a job runs as long as somebody has joined it
        self._jobs = jobs
        self.job: Job[FrameSnapshot] = self._membership.enter_context(
            jobs.join(
                f"{selection.request.digest()} {time.monotonic_ns()}",
                partial(_snapshots, selection, store),
                visitor(),
            )
        )

    @property
    def running(self) -> bool:
        """Whether the run is neither finished nor stopped."""
        return not (self.stopped or self.job.done.is_set())

    @property
    def newest(self) -> FrameSnapshot | None:
        """The newest frame; for a run that was stopped, the newest frame at that time."""
        return self._last if self.stopped else self.job.newest

    @property
    def jobs_ahead(self) -> int:
        """How many other runs start before this one."""
        return self._jobs.jobs_ahead(self.job)

    def stop(self) -> None:
        """Stop the computation at its next frame, and keep the newest frame so far."""
        if self.running:
            self._last, self.stopped = self.job.newest, True
        self._membership.close()
        self.job.last_watched = float("-inf")  # nobody else can join this job, so it needs no grace period


class RunSlot:
    """Holds the last dream that a visitor started, and ends it when the visitor leaves.

    If a dream reaches its end, its result is passed to `store`.
    """

    def __init__(self, jobs: Jobs[FrameSnapshot], store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self.run: BackgroundRun | None = None

    def begin(self, selection: Selection) -> None:
        """Start a dream, and stop the previous one."""
        self.end()
        self.run = BackgroundRun(self._jobs, selection, self._store)

    def end(self) -> None:
        """Stop the dream that is running, if any."""
        if self.run:
            self.run.stop()


def generated_picture(result: Result, model: Model, picture: Picture) -> Picture:
    """Return the image in `result`, made from `picture`, as a picture that goes to the model without preprocessing."""
    mean, std = (torch.tensor(part)[:, None, None] for part in model.preprocessing.scale(picture))
    exact = (torch.from_numpy(result.raw[0]) - mean) / std
    name = picture.name.removesuffix(", dreamed") + ", dreamed"
    generated = images.from_tensor(exact.to(model.dtype), name, model.preprocessing)
    return images.with_extra_inputs(generated, picture.extra_inputs) if picture.extra_inputs else generated


def predicted_picture(selection: Selection, result: Result) -> Picture:
    """Return the picture whose prediction is shown: the generated picture if there is one, otherwise the input."""
    if selection.entry.kind.is_iterative:
        return generated_picture(result, selection.model, selection.picture)
    return selection.picture


def _snapshots(selection: Selection, store: Store) -> Generator[FrameSnapshot, None, None]:
    request, model, picture = selection.request, selection.model, selection.picture
    model_input_rgb = model.preprocessing.model_input_rgb(picture)
    film = animation.Film()
    for result in engine.frames(request, model, picture, selection.compared):
        still = package.still(request, result.raw, model_input_rgb)
        film.add(still)
        yield FrameSnapshot(result, still, film)
    store(request, result)
