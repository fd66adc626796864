"""What Mirror says when something that may be expected goes wrong."""

from collections.abc import Iterable
from difflib import get_close_matches


class MirrorError(Exception):
    """An expected failure, told in one sentence: the culprit, what would be accepted, the nearest match."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return “ Did you mean 'x'?” for the name of `names` that is most like `name`, else an empty string."""
    lowered = {known.lower(): known for known in names}
    match = get_close_matches(str(name).lower()[:200], lowered, n=1, cutoff=0.4)
    return f" Did you mean '{lowered[match[0]]}'?" if match else ""
