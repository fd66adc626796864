"""The error for failures that Mirror expects, and suggestions of similar names."""

from collections.abc import Iterable
from difflib import get_close_matches


class MirrorError(Exception):
    """An expected failure, such as a wrong name or a file that cannot be read.

    Its message is for the user: it names the culprit, what would be accepted and the nearest match. Pages and the
    command line show it as it is.

    Example:
        >>> from mirror_app import targets
        >>> from mirror_app.errors import MirrorError
        >>> try:
        ...     targets.parse("dog")
        ... except MirrorError as error:
        ...     print(error)
        Unknown target 'dog'. Enter a class number, or a target such as 'features.8:3' or ':out:15@12,80'.
    """


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests the one of `names` most similar to `name`, or '' if none is similar.

    Args:
        name: What was typed.
        names: The names that exist.

    Returns:
        Text to append to a sentence, beginning with a space.

    Example:
        >>> from mirror_app.errors import nearest
        >>> nearest("grad-kam", ["grad-cam", "rise"])
        " Did you mean 'grad-cam'?"
        >>> nearest("zebra", ["grad-cam", "rise"])
        ''
    """
    lowered = {candidate.lower(): candidate for candidate in names}
    match = get_close_matches(str(name).lower()[:200], lowered, n=1, cutoff=0.4)
    return f" Did you mean '{lowered[match[0]]}'?" if match else ""
