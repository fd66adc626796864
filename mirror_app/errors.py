"""The error for failures that Mirror expects, and suggestions of similar names."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class MirrorError(Exception):
    """An expected failure, such as a wrong name or a file that cannot be read.

    Its message is for the user, so pages and the command line show it as it is. It consists of the problem and a hint:
    "The problem: the hint." if the problem has no full stop, "The problem. The hint" if it has one.

    Args:
        problem: What is wrong, in words that name the culprit.
        culprit: The name or value that is at fault.
        accepted: The names that would be accepted instead, or a phrase that describes them.
        hint: What to try instead. By default, the hint suggests the accepted name that is most similar to the culprit.

    Attributes:
        problem: What is wrong, without the hint.

    Example:
        >>> from mirror_app.errors import MirrorError
        >>> error = MirrorError("There is no look 'haet'.", culprit="haet", accepted=("heat", "tiles"))
        >>> error.hint
        "Did you mean 'heat'?"
        >>> print(error)
        There is no look 'haet'. Did you mean 'heat'?
        >>> print(MirrorError("The layer gives no map", hint="choose another layer"))
        The layer gives no map: choose another layer.
    """

    def __init__(
        self, problem: str, *, culprit: str = "", accepted: str | Collection[str] = (), hint: str = ""
    ) -> None:
        self.problem = problem
        self.culprit = culprit
        self.accepted = accepted if isinstance(accepted, str) else tuple(accepted)  # a tuple can be pickled
        self.hint = hint or ("" if isinstance(accepted, str) else nearest(culprit, accepted).strip())
        if not self.hint:
            super().__init__(problem)
        elif problem.endswith((".", "?", "!")):
            super().__init__(f"{problem} {self.hint}")
        else:
            super().__init__(f"{problem}: {self.hint}.")

    def prefixed(self, words: str) -> "MirrorError":
        """Return the same error with `words` before its problem, such as the place where it occurred.

        Args:
            words: The words, including a space at the end.

        Returns:
            An error with the culprit, the accepted names and the hint of this one.

        Example:
            >>> from mirror_app.errors import MirrorError
            >>> error = MirrorError("sigma must be a number, not 'wide'.", culprit="wide", accepted="a number")
            >>> print(error.prefixed("[mine] in 'mirror.toml': "))
            [mine] in 'mirror.toml': sigma must be a number, not 'wide'.
        """
        return MirrorError(words + self.problem, culprit=self.culprit, accepted=self.accepted, hint=self.hint)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests the one of `names` most similar to `name`, or '' if none is similar.

    Args:
        name: The name that was typed.
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
