"""Views of one model, lent out."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from mirror_app.errors import MirrorError
from mirror_app.probe.fingerprint import fingerprint
from mirror_app.probe.view import View


class Pool:
    """Views of one model, each leased to one computation at a time, so that a copy is paid for once."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._idle: deque[View] = deque(maxlen=4)

    @contextmanager
    def lease(self, extra_inputs: tuple[Tensor, ...] = ()) -> Iterator[View]:
        """Lend a view that runs with `extra_inputs` after the pictures.

        One whose computation raised, or that came back changed, is thrown away.
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
            raise MirrorError("The model was changed while it was looked at: its picture is not shown.")
        if view.is_unchanged():
            self._idle.append(view)
