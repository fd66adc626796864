"""Lets only a few of many computations run at once, and lets the visitors take turns."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Condition

Visitor = tuple[str, ...]  # the names of a visitor, the most general first, such as an address and a session
NOBODY: Visitor = ()
PATIENCE = 10.0  # seconds after which a thread comes first, so that new visitors cannot keep it waiting for ever
_REMEMBERED = 1000  # names


@dataclass(eq=False)
class _Ticket:
    visitor: Visitor
    is_first: bool
    number: int = field(default_factory=count().__next__)
    since: float = field(default_factory=time.monotonic)


class Turns:
    """Lets at most `size` threads compute at once.

    The next turn goes to the visitor whose last turn is the longest ago, or to a thread that has waited `PATIENCE`. If
    there are several turns at once, one of them is for first steps of computations only, so a newcomer seldom waits,
    however long the steps of the others are.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._free_for_later_steps = max(1, size - 1)
        self._changed = Condition()
        self._tickets: list[_Ticket] = []
        self._served: OrderedDict[str, int] = OrderedDict()  # the number of the last turn, by name
        self._numbers = count(1)

    @property
    def waiting(self) -> int:
        """How many threads wait for a turn."""
        return len(self._tickets)

    @contextmanager
    def take(self, visitor: Visitor, *, is_first: bool = True) -> Iterator[None]:
        """Wait for a turn of `visitor`, which lasts as long as the context.

        `is_first` tells whether the turn is for the first step of a computation.
        """
        ticket = _Ticket(visitor, is_first)
        with self._changed:
            self._tickets.append(ticket)
            self._changed.wait_for(lambda: self._next() is ticket)
            self._tickets.remove(ticket)
            self._free -= 1
            self._free_for_later_steps -= not is_first
            self._remember(visitor)
            self._changed.notify_all()  # another place may be free, and another thread is the next in line
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._free_for_later_steps += not is_first
                self._changed.notify_all()

    def _next(self) -> _Ticket | None:
        if not self._free:
            return None
        waiting = (ticket for ticket in self._tickets if ticket.is_first or self._free_for_later_steps)
        return min(waiting, default=None, key=self._rank)

    def _rank(self, ticket: _Ticket) -> tuple[int, ...]:
        if time.monotonic() - ticket.since > PATIENCE:
            return (-1, ticket.number)
        return (*(self._served.get(name, 0) for name in ticket.visitor), ticket.number)

    def _remember(self, visitor: Visitor) -> None:
        number = next(self._numbers)
        for name in visitor:
            self._served[name] = number
            self._served.move_to_end(name)
        while len(self._served) > _REMEMBERED:
            self._served.popitem(last=False)
