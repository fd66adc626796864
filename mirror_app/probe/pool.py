"""A pool of private views of one model."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe.fingerprint import fingerprint
from mirror_app.probe.view import View


class Pool:
    """Private views of one model. Each is leased to one computation at a time and then reused, to save copying."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._idle: deque[View] = deque(maxlen=4)

    @contextmanager
    def lease(self, extra_inputs: tuple[Tensor, ...] = ()) -> Iterator[View]:
        """Lend a view that runs with `extra_inputs` after the pictures.

        If the computation raises an error or leaves the view changed, the view is discarded. Raises MirrorError if the
        model changes during the lease.
        """
        before = fingerprint(self.model)
        try:
            view = self._idle.pop()
            view.sync()
        except IndexError:
            view = View(self.model)
        view.extra_inputs = extra_inputs
        yield view
        if fingerprint(self.model) != before:
            problem = "The model was changed while Mirror was using it, so the result is not shown."
            raise MirrorError(problem, culprit=type(self.model).__name__)
        if view.is_unchanged():
            self._idle.append(view)
