"""The model's answer to a picture in short: its first class, box or number."""

from dataclasses import dataclass

import numpy as np

from mirror_app.engine import Prediction
from mirror_app.models import Model


@dataclass(frozen=True)
class Answer:
    """The class, box or number that a model answers first, or the sentence that explains why it has no answer.

    Args:
        number: The number of the class, or None.
        name: The name of the class or number; "" if the answer has no short form, as for regions.
        value: The probability, the score of a box, or the plain number; None if there is none.
        text: The value as text, such as “96.2%”.
        problem: Why the model gives no answer to this picture.
    """

    number: int | None = None
    name: str = ""
    value: float | None = None
    text: str = ""
    problem: str = ""


def in_short(prediction: Prediction, model: Model) -> Answer:
    """Return the class, box or number that a prediction has first."""
    if len(prediction.probabilities):
        number = int(np.argmax(prediction.values))
    elif len(prediction.answers) == 1 and prediction.meaning:
        number = 0
    elif prediction.boxes:
        box = prediction.boxes[0]
        return Answer(box.label, model.name_of(box.label), box.score, f"{box.score:.0%}")
    else:
        return Answer()
    return Answer(number, model.name_of(number), float(prediction.values[number]), prediction.text(number))
