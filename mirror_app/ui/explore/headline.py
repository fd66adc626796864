"""The head of Explore: the model's answer, and below it what the picture shows."""

from collections.abc import Callable

from mirror_app.engine import Prediction
from mirror_app.errors import MirrorError
from mirror_app.models import Model
from mirror_app.ui import store
from mirror_app.ui.common import page_parts
from mirror_app.ui.common.short_answer import in_short
from mirror_app.ui.explore import words
from mirror_app.ui.store import Selection


def show(selection: Selection) -> Callable[[str], None]:
    """Show the head, and return a function that shows a state, such as "Computing", beside it."""
    entry = selection.entry
    try:
        title = words.headline(selection) or answer(
            store.prediction(selection.model, selection.picture), selection.model
        )
    except MirrorError:  # shown in place of the prediction
        title = ""
    if not title:
        return page_parts.heading(entry.name, entry.summary)
    return page_parts.heading(page_parts.literal(title), f"**{entry.name}** · {entry.summary}")


def answer(prediction: Prediction, model: Model) -> str:
    """Return the model's answer in a few words, such as “checked heart · 96.2%”; "" if it has no short form."""
    first, others = in_short(prediction, model), len(prediction.boxes) - 1
    if not first.name:
        return ""
    return f"{first.name} · {first.text}" + (f", and {others} more" if others > 0 else "")
