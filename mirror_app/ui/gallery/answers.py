"""The model's answer to each picture in short, computed for one picture after another and shared by all visitors."""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial

from mirror_app import engine
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.short_answer import Answer, in_short
from mirror_app.ui.store.result_store import OnProgress, ResultStore
from mirror_app.ui.store.results import PREDICTIONS, prediction_key
from mirror_app.visualisations.core.batching import is_out_of_memory

ANSWERS = ResultStore[Answer]("answers", max_entries=8192)


def finished(model: Model, pictures: Sequence[Picture]) -> dict[str, Answer]:
    """Return the answers that are there already, by the identity of the picture."""
    answers = ((picture.id, ANSWERS.get(prediction_key(model, picture))) for picture in pictures)
    return {picture_id: answer for picture_id, answer in answers if answer is not None}


def complete(
    model: Model, pictures: Sequence[Picture], answers: Mapping[str, Answer], show_state: Callable[[str], None]
) -> dict[str, Answer]:
    """Return `answers` together with those of all other pictures, and show the progress. May raise MirrorError.

    Each picture is a computation of its own, so that other visitors have their turns in between.
    """
    completed = dict(answers)
    for picture in pictures:
        if picture.id not in completed:
            state = f"Predicting: {len(completed)} of {len(pictures)}"
            show_state(state)
            completed[picture.id] = answer(model, picture, partial(_repeat, show_state, state))
    show_state("")
    return completed


def answer(model: Model, picture: Picture, on_progress: OnProgress = lambda _: None) -> Answer:
    """Return the model's answer to a picture, computed unless it is stored. Raises MirrorError if the server is busy.

    What the model does with a single picture is computed as for the Explore page, so the two agree to the last bit.
    """
    return ANSWERS.get_or_compute(prediction_key(model, picture), partial(_answers, model, picture), on_progress)


def _repeat(show_state: Callable[[str], None], state: str, _: str) -> None:
    """Show the same state again, so that a visitor who goes elsewhere need not wait for the end of a computation."""
    show_state(state)


def _answers(model: Model, picture: Picture) -> Generator[Answer, None, None]:
    key = prediction_key(model, picture)
    try:
        prediction = PREDICTIONS.get(key) or engine.predict(model, picture)
    except Exception as error:
        if is_out_of_memory(error):  # later, there may be enough
            raise
        yield Answer(problem=page_parts.error_message(error))
        return
    PREDICTIONS.put(key, prediction)
    yield in_short(prediction, model)
