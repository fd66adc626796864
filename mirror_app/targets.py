"""Targets, the quantities that a visualisation explains, and their text form.

207                 class 207
features.8:3        feature map 3 of the layer features.8, summed over its locations
features.8:3@4,5    the unit of that feature map in row 4, column 5
:out:15@12,80       class 15 of the output's entry "out", at row 12, column 80
:scores:0           the score of the first box of a detection
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mirror_app.errors import MirrorError

EXAMPLES = "'features.8:3' or ':out:15@12,80'"
_NUMBERS = re.compile(r"(\d{1,9})(?:@(\d{1,9}(?:,\d{1,9}){0,3}))?", re.ASCII)
LONGEST = 200


@dataclass(frozen=True)
class Target:
    """A quantity to explain: a channel of a layer's output, or of an entry of that output.

    Args:
        layer: The dotted name of a layer; '' is the model, whose channels are its classes.
        entries: The keys or indices that lead to the tensor, if the output is a dictionary, list or tuple.
        channel: The number of the channel; None stands for the most likely class.
        position: The location within the channel, (row, column) for a map. Without it, all locations are summed.
    """

    layer: str = ""
    entries: tuple[str, ...] = ()
    channel: int | None = None
    position: tuple[int, ...] = ()

    @property
    def is_class(self) -> bool:
        """Whether the target is a class of the model."""
        return not (self.layer or self.entries or self.position)

    def __str__(self) -> str:
        """Return the text that `parse` turns into this target."""
        if self.is_class:
            return "" if self.channel is None else str(self.channel)
        position = f"@{','.join(map(str, self.position))}" if self.position else ""
        return ":".join([self.layer, *self.entries, f"{self.channel}{position}"])

    @property
    def description(self) -> str:
        """The target in words, such as “channel 3 of features.8”."""
        if self.entries:
            kind = "channel" if len(self.position) == 2 else "item"  # an item is, for example, the score of a box
            words = [f"{kind} {self.channel} of the output “{':'.join(self.entries)}”"]
        else:
            words = [f"channel {self.channel}" if self.layer else f"class {self.channel}"]
        if self.layer:
            words.append(f"of {self.layer}")
        if len(self.position) == 2:
            words.append(f"in row {self.position[0]}, column {self.position[1]}")
        elif self.position:
            words.append(f"at {', '.join(map(str, self.position))}")
        return " ".join(words)


def parse(text: str) -> Target:
    """Return the target that `text` describes.

    The grammar is `class`, or `layer:entry:...:channel@position`, in which the entries and the position are optional.

    Args:
        text: At most 200 characters, such as '207', 'features.8:3', 'features.8:3@4,5' or ':out:15@12,80'.

    Returns:
        The target. Whether the model has such a layer and channel is checked when it is used.

    Raises:
        MirrorError: If the text does not follow the grammar.

    Example:
        >>> from mirror_app import targets
        >>> target = targets.parse("features.8:3@4,5")
        >>> target.layer, target.channel, target.position
        ('features.8', 3, (4, 5))
        >>> target.description
        'channel 3 of features.8 in row 4, column 5'
        >>> targets.parse("207").is_class
        True
    """
    layer, *entries, last = text.split(":") if ":" in text else ("", text)
    numbers = _NUMBERS.fullmatch(last)
    if numbers is None or len(text) > LONGEST or (":" not in text and numbers[2]):
        raise unknown(text)
    position = tuple(int(number) for number in numbers[2].split(",")) if numbers[2] else ()
    return Target(layer, tuple(entries), int(numbers[1]), position)


def unknown(text: str, classes: Sequence[str] | None = None) -> MirrorError:
    """Return the error for a text that is not a target; with the names of `classes`, it suggests the nearest one."""
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    accepted = f"{'a class number' if classes is None else 'a class, its number'}, or a target such as {EXAMPLES}"
    return MirrorError(f"Unknown target '{shown}'. Enter {accepted}.", culprit=text, accepted=classes or accepted)


def from_value(value: int | str | None) -> Target:
    """Return the target for a value of `target_class`: a class number, None for the most likely class, or a text."""
    return parse(value) if isinstance(value, str) else Target(channel=value)
