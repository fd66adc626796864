"""The answer of a model to a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.precision import relative_difference, widened
from mirror_app.probe import explain_dtype_errors
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import answers_of
from mirror_app.probe.outputs import Box, Regions, boxes_of, describe_output, regions_of


@dataclass(frozen=True)
class Prediction:
    """The answer of a model to a picture.

    Args:
        answers: The numbers that the model gives, (K,), such as the logits of K classes. Empty if the model gives
            something else, such as boxes or regions.
        meaning: The meaning of the numbers (classes, labels, numbers ...), or None if it is unknown.
        output_summary: The parts of the model's output and their shapes, such as "out 21 × 64 × 64".
        deviation: The largest difference between the output of the model and that of the private copy on which
            visualisations work, as a share of the largest number in the same tensor. It is 0 if the outputs agree.
        boxes: The boxes that a detection model found, the most confident first.
        regions: The most likely class at each location, for a segmentation model.

    Example:
        >>> import numpy as np
        >>> from mirror_app.engine import Prediction
        >>> from mirror_app.probe.output_kind import OutputKind, OutputMeaning
        >>> meaning = OutputMeaning(OutputKind.CLASSES)
        >>> prediction = Prediction(np.zeros(4, np.float32), meaning, output_summary="4", deviation=0.0)
        >>> prediction.text(2)
        '25.0%'
    """

    answers: np.ndarray
    meaning: OutputMeaning | None
    output_summary: str
    deviation: float
    boxes: tuple[Box, ...] = ()
    regions: Regions | None = None

    @property
    def values(self) -> np.ndarray:
        """The probability of each class or label, (K,), or the plain numbers if the model gives no probabilities."""
        if self.meaning is None or not len(self.answers):
            return self.answers
        return self.meaning.kind.likelihood(torch.from_numpy(self.answers)[None])[0].numpy()

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of each class or label, (K,); empty if the model gives no probabilities."""
        return self.values if self.meaning and self.meaning.kind.has_probabilities else np.empty(0)

    def text(self, number: int) -> str:
        """Return `values[number]` as text, such as “96.2%”; "" if there is no such value or its meaning is unknown."""
        values = self.values
        return self.meaning.kind.text(float(values[number])) if self.meaning and number < len(values) else ""

    @property
    def most_confident_target(self) -> str | None:
        """The target of the most confident box, or of the most confident location of a region."""
        if self.boxes:
            return self.boxes[0].target
        return self.regions.target(*self.regions.surest) if self.regions else None


def predict(model: Model, picture: Picture) -> Prediction:
    """Return the answer of `model` to `picture`, and how far the private copy of the model deviates from it.

    Args:
        model: The model, as `mirror_app.models.catalogue.load` returns it. It is not changed.
        picture: The picture, as `mirror_app.images.decode` returns it.

    Returns:
        The prediction. It holds probabilities if the model gives classes or labels.

    Raises:
        MirrorError: The model cannot take the picture, or one of the model's inputs is missing.

    Example:
        >>> from mirror_app import engine
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.models import catalogue
        >>> model = catalogue.load("shapes")
        >>> prediction = engine.predict(model, examples()[0])
        >>> model.classes[prediction.answers.argmax()], prediction.deviation
        ('checked heart', 0.0)
    """
    inputs = model.inputs(picture)
    extra_inputs = model.extra_inputs_of(picture)
    with model.views.lease(extra_inputs) as view, torch.no_grad(), explain_dtype_errors(view.module, inputs):
        inputs = view.prepare_inputs(inputs)
        output = view.record_calls(inputs)
        # The original is not run if that would change it: in training mode, batch norms update their averages.
        changes = view.has_effects or any(module.training for module in model.module.modules())
        model_output = output if changes else view.call_module(model.module, inputs)
    meaning, answers = model.meaning(output), answers_of(output)
    pairs = zip(tree_leaves(output), tree_leaves(model_output), strict=True)
    deviations = [_deviation(copied, original) for copied, original in pairs if isinstance(copied, Tensor)]
    return Prediction(
        np.empty(0) if answers is None or len(answers) != 1 else widened(answers[0]).cpu().numpy(),
        meaning,
        describe_output(output),
        max(deviations, default=0.0),
        boxes_of(output),
        regions_of(output) if meaning and meaning.kind is OutputKind.REGIONS else None,
    )


def _deviation(copied: Tensor, original: Tensor) -> float:
    if copied.shape != original.shape:
        return 1.0
    return relative_difference(copied, original)
