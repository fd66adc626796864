"""Which layers run in a forward pass: in which order, how many times, and with which output shape."""

from collections.abc import Mapping
from functools import partial
from types import TracebackType

from torch import Tensor, nn

from mirror_app.layers import Call


class CallRecorder:
    """Records the calls of modules: `with CallRecorder(modules) as recorder:`.

    `calls` holds the finished calls by module name, and `running` the names of the unfinished ones, innermost last.
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
                module.register_forward_pre_hook(partial(self._on_call, name)),
                module.register_forward_hook(partial(self._on_return, name)),
            )
        ]
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _on_call(self, name: str, *_: object) -> None:
        self._order.setdefault(name, len(self._order))
        self.running.append(name)

    def _on_return(self, name: str, _module: object, _inputs: object, output: object) -> None:
        self.running.pop()
        shape = tuple(output.shape[1:]) if isinstance(output, Tensor) else None
        count = self.calls[name].times + 1 if name in self.calls else 1
        self.calls[name] = Call(self._order[name], count, shape)
