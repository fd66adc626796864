"""What is asked of a model, in words: a class, or one number of a layer or of an entry of the model's output.

207             class 207                     features.8:3       map 3 of the layer features.8, all its places
:out:15@12,80   the pixel in row 12 and       features.8:3@4,5   its one unit in row 4 and column 5
                column 80 of class 15         :scores:0          the score of the first box of a detection
"""

import re
from dataclasses import dataclass

from mirror_app.errors import MirrorError

EXAMPLES = "'features.8:3' or ':out:15@12,80'"
_NUMBERS = re.compile(r"(\d{1,9})(?:@(\d{1,9}(?:,\d{1,9}){0,3}))?", re.ASCII)
LONGEST = 200


@dataclass(frozen=True)
class Target:
    """The number of a `channel` of what `layer` gives, or of the entry of it that `entries` lead to, at `place`.

    The layer '' is the model, whose channels are its classes; without a place all its places are summed up. The channel
    None is the most likely class.
    """

    layer: str = ""
    entries: tuple[str, ...] = ()
    channel: int | None = None
    position: tuple[int, ...] = ()

    @property
    def is_class(self) -> bool:
        """Whether it is no more than a class of the model."""
        return not (self.layer or self.entries or self.position)

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        if self.is_class:
            return "" if self.channel is None else str(self.channel)
        place = f"@{','.join(map(str, self.position))}" if self.position else ""
        return ":".join([self.layer, *self.entries, f"{self.channel}{place}"])

    @property
    def description(self) -> str:
        """How a person would say it."""
        if self.entries:
            words = [f"“{':'.join(self.entries)}” {self.channel}"]
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
    """Return the target that a text names; raise MirrorError."""
    layer, *entries, last = text.split(":") if ":" in text else ("", text)
    numbers = _NUMBERS.fullmatch(last)
    if numbers is None or len(text) > LONGEST or (":" not in text and numbers[2]):
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        raise MirrorError(f"There is no target '{shown}': one like {EXAMPLES} is needed.")
    place = tuple(int(number) for number in numbers[2].split(",")) if numbers[2] else ()
    return Target(layer, tuple(entries), int(numbers[1]), place)


def from_value(value: int | str | None) -> Target:
    """Return the target that a value of `target_class` means: a class, None for the most likely one, or a text."""
    return parse(value) if isinstance(value, str) else Target(channel=value)
