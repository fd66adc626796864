"""Which layers run in a forward pass: in which order, how often, and what shape they give."""

from collections.abc import Mapping
from functools import partial
from types import TracebackType

from torch import Tensor, nn

from mirror_app.layers import Call


class CallRecorder:
    """In `with CallRecorder(modules) as log:` each call of a module is noted under its name.

    `calls` has those that have ended, and `running` those that have begun and not ended, the innermost last.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.calls: dict[str, Call] = {}
        self.running: list[str] = []
        self._modules = modules
        self._order: dict[str, int] = {}

    def __enter__(self) -> "CallRecorder":
        self._handles = [
            handle
            for name, module in self._modules.items()
            for handle in (
                module.register_forward_pre_hook(partial(self._begin, name)),
                module.register_forward_hook(partial(self._end, name)),
            )
        ]
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _begin(self, name: str, *_: object) -> None:
        self._order.setdefault(name, len(self._order))
        self.running.append(name)

    def _end(self, name: str, _module: object, _inputs: object, output: object) -> None:
        self.running.pop()
        shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else None
        times = self.calls[name].times + 1 if name in self.calls else 1
        self.calls[name] = Call(self._order[name], times, shape)
