"""A refusal is told by its fields, so that a test turns red for a wrong culprit and not for a reworded sentence."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TypedDict

import pytest

from mirror_app.errors import MirrorError


class Fields(TypedDict, total=False):
    """The fields of a refusal that a test looks at, as `refused` takes them."""

    culprit: str
    accepted: str | Collection[str]
    hint: str
    problem: str


@contextmanager
def refused(
    culprit: str | None = None, accepted: str | Collection[str] = (), hint: str = "", problem: str = ""
) -> Iterator[pytest.ExceptionInfo[MirrorError]]:
    """Expect a MirrorError with these fields, on one line.

    Args:
        culprit: The whole culprit.
        accepted: Names that are among the accepted ones, or a part of the phrase that says what is accepted.
        hint: A part of the hint.
        problem: A part of what is wrong, where no other field tells it from other errors of the same place.
    """
    assert culprit is not None or accepted or hint or problem, "say what the refusal names"
    with pytest.raises(MirrorError) as caught:
        yield caught
    error = caught.value
    fields = f"{error!r} has culprit={error.culprit!r}, accepted={error.accepted!r}, hint={error.hint!r}"
    assert culprit in (None, error.culprit), fields
    assert all(name in error.accepted for name in ([accepted] if isinstance(accepted, str) else accepted)), fields
    assert hint in error.hint, fields
    assert problem in error.problem, fields
    assert "\n" not in str(error), fields
