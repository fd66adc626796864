"""Targets, the quantities that a visualisation explains, and their text form. docs/targets.md has the grammar.

207                     class 207
281 - 282               class 281 minus class 282
207 down                minus class 207: what lowers it
features.8:3            feature map 3 of the layer features.8, summed over its locations
features.8:3@4,5        the unit of that feature map in row 4, column 5
features.8:3@4-7,5-9    its mean over rows 4 to 7, columns 5 to 9
:out:15@12,80           class 15 of the output's entry "out", at row 12, column 80
:out:15@predicted       its mean over the locations where the model predicts it
:scores:0               the score of the first box of a detection
text "a cat"            how similar the picture's embedding is to that of a text
like "checked-heart"    how similar it is to that of another picture
avgpool:like "abc"      how similar the output of the layer avgpool is for the two pictures
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mirror_app.errors import MirrorError

EXAMPLES = "'features.8:3' or ':out:15@12,80'"
LONGEST = 200
MINUS, DOWN, PREDICTED = " - ", " down", "predicted"
_NUMBER = r"\d{1,9}"
_WHERE = (
    rf"(?P<position>{_NUMBER}(?:,{_NUMBER}){{0,3}})|(?P<rectangle>{_NUMBER}-{_NUMBER},{_NUMBER}-{_NUMBER})|{PREDICTED}"
)
_CHANNEL = re.compile(rf"(?P<channel>{_NUMBER})(?:@(?P<where>{_WHERE}))?", re.ASCII)
_DIFFERENCE = re.compile(rf'("[^"]+"|.+?){MINUS}(.+)')
_SIMILARITY = re.compile(r'(?:text "(?P<text>[^"]+)"|(?:(?P<layer>[^"]*):)?like "(?P<like>[^"]+)")')
_QUOTED_DIFFERENCE = re.compile(rf'([^"]*"[^"]+"){MINUS}([^"]*"[^"]+")')

Span = tuple[int, int]  # the first and the last of several rows or columns
Function = Callable[[Any], Any]  # takes an output of the model and returns the scores, a tensor (N,)


@dataclass(frozen=True)
class Target:
    """A quantity to explain: a number in a layer's output, the mean of several, or the difference of two.

    Args:
        layer: The dotted name of a layer; '' is the model, whose channels are its classes.
        entries: The keys or indices that lead to the tensor, if the output is a dictionary, list or tuple.
        channel: The number of the channel; None stands for the most likely class.
        position: The location within the channel, (row, column) for a map. Without it, all locations are summed.
        rectangle: Rows and columns, (first, last) each. The channel is averaged over them.
        in_prediction: Whether the channel is averaged over the locations at which it is larger than all others.
        minus: The channel whose score is subtracted.
        is_down: Whether the score is negated.
        function: Computes the score (N,) from the output of the model; all other arguments are ignored.
        text: A text. The score is the cosine between its embedding and the picture's.
        like: The id of another picture. The score is the cosine between the two pictures' embeddings or, with `layer`,
            between the outputs of the layer.
        unlike: The text or picture, like `text` or `like`, whose cosine is subtracted.
    """

    layer: str = ""
    entries: tuple[str, ...] = ()
    channel: int | None = None
    position: tuple[int, ...] = ()
    rectangle: tuple[Span, Span] | None = None
    in_prediction: bool = False
    minus: int | None = None
    is_down: bool = False
    function: Function | None = None
    text: str = ""
    like: str = ""
    unlike: str = ""

    @property
    def is_similarity(self) -> bool:
        """Whether the score is a similarity to a text or to another picture."""
        return bool(self.text or self.like)

    @property
    def is_class_score(self) -> bool:
        """Whether the score is that of a class of the model, or made of such scores."""
        return not (self.layer or self.entries or self.where or self.function or self.is_similarity)

    @property
    def is_class(self) -> bool:
        """Whether the target is a class of the model, and nothing else."""
        return self == Target(channel=self.channel)

    @property
    def where(self) -> str:
        """The locations, as in the text form; "" for all."""
        if self.in_prediction:
            return PREDICTED
        if self.rectangle:
            return ",".join(f"{first}-{last}" for first, last in self.rectangle)
        return ",".join(map(str, self.position))

    def __str__(self) -> str:
        """Return the text that `parse` turns into this target."""
        if self.function:
            return getattr(self.function, "__name__", type(self.function).__name__)
        if self.is_similarity:
            return self._similarity_text
        text = self._channel_text(self.channel)
        if self.minus is not None:
            text += MINUS + self._channel_text(self.minus)
        return text + (DOWN if self.is_down else "")

    @property
    def _similarity_text(self) -> str:
        sign = "text" if self.text else f"{self.layer}:like".removeprefix(":")
        names = filter(None, (self.text or self.like, self.unlike))
        return MINUS.join(f'{sign} "{name}"' for name in names) + (DOWN if self.is_down else "")

    def _channel_text(self, channel: int | None) -> str:
        if self.is_class_score:
            return "" if channel is None else str(channel)
        return ":".join([self.layer, *self.entries, f"{channel}@{self.where}".removesuffix("@")])

    @property
    def description(self) -> str:
        """The target in words, such as “channel 3 of features.8”."""
        return self.described(lambda number: f"class {number}")

    def described(self, class_name: Callable[[int], str], picture_name: Callable[[str], str] = str) -> str:
        """Return the target in words, with `class_name` for the classes and `picture_name` for the ids of pictures."""
        if self.function:
            return str(self)
        if self.is_similarity:
            return self._described_similarity(picture_name)
        is_numbered = self.layer or self.entries or self.channel is None
        channel, minus = (
            str(number) if is_numbered or number is None else class_name(number)
            for number in (self.channel, self.minus)
        )
        words = [channel if self.minus is None else f"{channel} minus {minus}"]
        if self.entries:
            kind = (
                "channel" if self.in_prediction or self.where.count(",") == 1 else "item"
            )  # an item is, for example, the score of a box
            words = [kind, *words, f"of the output “{':'.join(self.entries)}”"]
        elif self.layer:
            words.insert(0, "channel")
        if self.layer:
            words.append(f"of {self.layer}")
        words += [self._location] if self.where else []
        return ("what lowers " if self.is_down else "") + " ".join(words)

    def _described_similarity(self, picture_name: Callable[[str], str]) -> str:
        names = [name if self.text else picture_name(name) for name in (self.text or self.like, self.unlike) if name]
        quantity = " minus ".join(f"“{name}”" for name in names)
        start, end = "what lowers the " if self.is_down else "", f" at {self.layer}" if self.layer else ""
        return f"{start}similarity to {quantity}{end}"

    @property
    def _location(self) -> str:
        """The locations in words."""
        if self.in_prediction:
            return "where it is predicted"
        if self.rectangle:
            rows, columns = (f"{first} to {last}" for first, last in self.rectangle)
            return f"in rows {rows}, columns {columns}"
        if len(self.position) == 2:
            return f"in row {self.position[0]}, column {self.position[1]}"
        return f"at {', '.join(map(str, self.position))}"


def parse(text: str) -> Target:
    """Return the target that `text` describes.

    The grammar is that of docs/targets.md: `class`, or `layer:entry:...:channel@where`, in which the entries and the
    location are optional; `A - B` for a difference, and `A down` for what lowers A.

    Args:
        text: At most 200 characters, such as '207', '281 - 282', 'features.8:3', 'features.8:3@4,5' or ':out:15@12,80'.

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
        >>> targets.parse("281 - 282").description
        'class 281 minus class 282'
    """
    if len(text) > LONGEST:
        raise unknown(text)
    rest = text.removesuffix(DOWN)
    first, second = _sides(rest)
    target, other = _single(first), _single(second)
    if target is None or (second and other is None):
        raise unknown(text)
    if other is not None:
        target = _difference(target, other, text)
    return replace(target, is_down=rest != text)


def _sides(text: str) -> tuple[str, str]:
    """Return both sides of a difference; the second is "" if `text` is none."""
    if quoted := _QUOTED_DIFFERENCE.fullmatch(text):  # a text may contain a minus sign
        return quoted[1], quoted[2]
    first, _, second = text.rpartition(MINUS)
    return (first, second) if _single(first) else (text, "")  # the name of a layer may contain anything


def _difference(target: Target, other: Target, text: str) -> Target:
    """Return the difference of two targets; raise MirrorError unless they are numbers of the same kind."""
    if replace(other, channel=target.channel) == target != other:
        return replace(target, minus=other.channel)
    name = other.text if target.text else other.like
    if name and replace(other, text=target.text, like=target.like) == target != other:
        return replace(target, unlike=name)
    raise MirrorError(
        f"The target '{text[:60]}' is a difference of unlike numbers.",
        culprit=text,
        accepted="two classes, two texts, two pictures, or two channels of the same layer at the same location",
        hint="An example is '281 - 282'.",
    )


def _single(text: str) -> Target | None:
    """Return the target that `text` describes if it is neither a difference nor lowered, otherwise None."""
    if similarity := _SIMILARITY.fullmatch(text):
        return Target(layer=similarity["layer"] or "", text=similarity["text"] or "", like=similarity["like"] or "")
    layer, *entries, last = text.split(":") if ":" in text else ("", text)
    match = _CHANNEL.fullmatch(last)
    if match is None or (":" not in text and match["where"]):
        return None
    position = tuple(map(int, match["position"].split(","))) if match["position"] else ()
    spans = [tuple(map(int, span.split("-"))) for span in (match["rectangle"] or "").split(",") if span]
    if any(first > last for first, last in spans):
        return None
    rectangle = ((spans[0][0], spans[0][1]), (spans[1][0], spans[1][1])) if spans else None
    in_prediction = match["where"] == PREDICTED
    return Target(layer, tuple(entries), int(match["channel"]), position, rectangle, in_prediction)


def unknown(text: str, classes: Sequence[str] | None = None) -> MirrorError:
    """Return the error for a text that is not a target; with the names of `classes`, it suggests the nearest one."""
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    accepted = f"{'a class number' if classes is None else 'a class, its number'}, or a target such as {EXAMPLES}"
    return MirrorError(f"Unknown target '{shown}'. Enter {accepted}.", culprit=text, accepted=classes or accepted)


def from_value(value: int | str | Function | None) -> Target:
    """Return the target for a value of `target_class`: a number, a text, a function, or None for the top class."""
    if callable(value):
        return Target(getattr(value, "layer", ""), channel=0, function=value)
    return parse(value) if isinstance(value, str) else Target(channel=value)


def with_numbers(text: str, classes: Sequence[str], *, whole_names: bool = False) -> str:
    """Return `text` with the names of classes replaced by their numbers.

    Args:
        text: A target in which classes may have names, such as 'tabby - tiger cat'. A name in quotes is only a name.
        classes: The names of the classes, in order.
        whole_names: Whether only a whole name counts. Otherwise, a part of a name stands for the shortest name with it.

    Returns:
        The target with numbers, such as '281 - 282'. A part that is no name of a class is returned unchanged.

    Example:
        >>> from mirror_app import targets
        >>> targets.with_numbers("tabby - tiger cat", ["tabby", "tiger cat", "tiger"])
        '0 - 1'
        >>> targets.with_numbers('"tiger" down', ["tabby", "tiger cat", "tiger"])
        '2 down'
    """
    if _SIMILARITY.match(text):
        return text
    number = _number_of(text, classes, whole_names)
    if number is not None:
        return str(number)
    if text.endswith(DOWN):
        return with_numbers(text.removesuffix(DOWN), classes, whole_names=whole_names) + DOWN
    parts = _DIFFERENCE.fullmatch(text)
    if not parts:
        return text
    return MINUS.join(with_numbers(part, classes, whole_names=whole_names) for part in parts.groups())


def _number_of(name: str, classes: Sequence[str], whole_names: bool) -> int | None:
    """Return the number of the class of that name, or of the one with the shortest name that contains it."""
    is_quoted = len(name) > 2 and name[0] == name[-1] == '"'
    if is_quoted or name in classes:
        name = name[1:-1] if is_quoted else name
        return classes.index(name) if name in classes else None
    if whole_names or not name:
        return None
    matches = [number for number, each in enumerate(classes) if name.lower() in each.lower()]
    return min(matches, key=lambda number: len(classes[number]), default=None)
