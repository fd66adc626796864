"""Ends a pass through a model between two of its modules, on the way forwards or backwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, get_ident

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

_REGISTERING = Lock()  # two threads that register hooks at the same time could get the same handle


class Interrupted(BaseException):
    """A computation is ended in the middle of a pass. No handler of a model's own errors may catch it."""


@contextmanager
def checking(check: Callable[[], None]) -> Iterator[None]:
    """Within the context, call `check` before each module of this thread's passes runs, and before its gradient.

    What `check` raises ends the pass. A single operation cannot be ended.
    """
    thread = get_ident()

    def is_own() -> bool:
        # The hooks are called by all threads, and torch.compile traces through them.
        return not torch.compiler.is_compiling() and get_ident() == thread

    def before(_module: nn.Module, _inputs: object) -> None:
        if is_own():
            check()

    def after(_module: nn.Module, _inputs: object, output: object) -> None:
        if is_own() and isinstance(output, Tensor) and output.grad_fn:
            # Unlike a hook of the tensor, a hook of its node stays in place if a later module changes the tensor.
            output.grad_fn.register_prehook(lambda _gradients: check())

    with ExitStack() as stack:
        with _REGISTERING:
            handles = register_module_forward_pre_hook(before), register_module_forward_hook(after)
        for handle in handles:
            stack.callback(handle.remove)
        yield
