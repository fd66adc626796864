"""The targets that the Compare page can show in rows or columns."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from mirror_app import targets
from mirror_app.errors import MirrorError
from mirror_app.export import matrix
from mirror_app.models import Model
from mirror_app.models.text_encoder import text_target
from mirror_app.params import TARGET
from mirror_app.probe.output_kind import OutputKind
from mirror_app.ui import store
from mirror_app.ui.state import widget_state
from mirror_app.ui.state.session import Session
from mirror_app.ui.store import Selection

FIRST = 5  # the number of likely classes that come first in the list


def options(base: Selection) -> tuple[list[str], list[str]]:
    """Return the targets to choose from, and the default.

    The sidebar's target comes first, then the most likely classes of the selected picture, the difference of the two
    first, and all classes. By default, the two most likely classes are shown, and their difference, which tells them
    apart.
    """
    _translate_chosen(base)
    selected = base.values.get(TARGET)
    own = [] if selected is None else [str(selected)]
    likely = _likely(base)
    difference = [targets.MINUS.join(likely[:2])] if len(likely) > 1 and base.model.classes else []
    listed = [*own, *likely, *difference, *map(str, range(len(base.model.classes)))]
    return list(dict.fromkeys(listed)), list(dict.fromkeys([*own, *likely[:2], *difference]))


def _likely(base: Selection) -> list[str]:
    """Return the most likely classes of the selected picture, or the first outputs if they have no ranking."""
    model = base.model
    with suppress(MirrorError):  # Explore shows this error
        prediction = store.prediction(model, base.picture)
        if not len(prediction.answers):
            return [prediction.most_confident_target] if prediction.most_confident_target else []
        if model.kind is not OutputKind.NUMBERS:
            return [str(number) for number in prediction.values.argsort()[::-1][:FIRST]]
    return [str(number) for number in range(len(model.classes))][:FIRST]


def _translate_chosen(base: Selection) -> None:
    """After a change of the model, keep the chosen targets that the new model has, too."""
    previous, chosen = widget_state.COMPARED_TARGETS_MODEL.value, widget_state.COMPARED_TARGETS
    widget_state.COMPARED_TARGETS_MODEL.value = base.request.model
    if not previous or previous == base.request.model or not chosen.is_stored:
        return
    if not store.is_loaded(previous):
        chosen.forget()
        return
    previous_model = store.model(previous)
    translated = []
    for text in chosen.value:
        with suppress(MirrorError):
            value = matrix.corresponding_target(read(text, previous_model), previous_model.classes, base.model.classes)
            translated += [] if value is None else [str(value)]
    chosen.value = translated


def read(text: str, model: Model) -> str:
    """Return the target that a visitor or a link names, in its text form, with numbers instead of names.

    Raises:
        MirrorError: It does not follow the grammar, or the model has no such class.
    """
    if len(text) > targets.LONGEST:
        raise targets.unknown(text)
    numbered = targets.with_numbers(text.strip(), model.classes)
    try:
        target = targets.parse(text_target(numbered) if model.text_encoder else numbered)
    except MirrorError:
        raise targets.unknown(text, model.classes) from None
    numbers = [number for number in (target.channel, target.minus) if number is not None]
    if model.classes and target.is_class_score and max(numbers) >= len(model.classes):
        problem = f"No {model.kind.noun} {max(numbers)}: {model.kind.nouns} run from 0 to {len(model.classes) - 1}."
        raise MirrorError(problem, culprit=text)
    return str(target)


def naming(session: Session, model: Model) -> Callable[[str], str]:
    """Return the function that puts targets into words; if several classes have the same name, it adds the number."""
    pictures, counts = session.pictures, Counter(model.classes)

    def class_name(number: int) -> str:
        name = model.name_of(number)
        return f"{name} ({number})" if counts[name] > 1 else name

    def picture_name(picture_id: str) -> str:
        return pictures[picture_id].name if picture_id in pictures else picture_id

    def name_of(value: str) -> str:
        try:
            return targets.parse(value).described(class_name, picture_name)
        except MirrorError:  # the field shows a target as it was entered
            return value

    return name_of
