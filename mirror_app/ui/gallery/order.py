"""The pictures of the gallery in the chosen order, and those of one class."""

from collections.abc import Callable, Mapping, Sequence

from mirror_app.images import Picture
from mirror_app.ui.common.short_answer import Answer

ADDED, NAME, CLASS, SUREST, LEAST_SURE = "added", "name", "class", "surest", "least-sure"
LABELS = {
    ADDED: "Order added",
    NAME: "Name",
    CLASS: "Class",
    SUREST: "Surest first",
    LEAST_SURE: "Least sure first",
}
NEED_ANSWERS = (CLASS, SUREST, LEAST_SURE)
_Key = Callable[[Picture], tuple[bool | float | str, ...]]


def arranged(
    pictures: Sequence[Picture], answers: Mapping[str, Answer], order: str, class_number: int | None
) -> list[Picture]:
    """Return the pictures in `order`, and of `class_number` only, unless it is None.

    Pictures without an answer come last where the order depends on it; equal pictures stay in the order added.
    """
    empty = Answer()

    def by_class(picture: Picture) -> tuple[bool | float | str, ...]:
        answer = answers.get(picture.id, empty)
        return not answer.name, answer.name.casefold(), -(answer.value or 0.0)

    def by_value(sign: int) -> _Key:
        def key(picture: Picture) -> tuple[bool | float | str, ...]:
            value = answers.get(picture.id, empty).value
            return value is None, sign * (value or 0.0)

        return key

    keys: Mapping[str, _Key] = {
        ADDED: lambda _: (),
        NAME: lambda picture: (picture.name.casefold(),),
        CLASS: by_class,
        SUREST: by_value(-1),
        LEAST_SURE: by_value(1),
    }
    shown = [
        picture for picture in pictures if class_number in (None, answers.get(picture.id, empty).number)
    ]  # an answer without a number is of no class
    return sorted(shown, key=keys[order])
