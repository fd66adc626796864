"""What a model says of a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.precision import relative_difference, widened
from mirror_app.probe import lacking_explained
from mirror_app.probe.output_kind import OutputKind, OutputMeaning
from mirror_app.probe.output_meaning import answers_of
from mirror_app.probe.outputs import Box, Regions, boxes_of, described, regions_of


@dataclass(frozen=True)
class Prediction:
    """The answer of a model to a picture: its numbers (K,), `answers`, and what they mean.

    If the model answers with something else, `answers` is empty: `output_summary` describes what it gives, and `boxes`
    or `regions` hold what can be pointed at. `deviation` is the largest difference between the answers of the model and
    of the private copy that visualisations work on, as a share of the largest number in that tensor: 0 if they agree.
    """

    answers: np.ndarray
    meaning: OutputMeaning | None
    output_summary: str
    deviation: float
    boxes: tuple[Box, ...] = ()
    regions: Regions | None = None

    @property
    def values(self) -> np.ndarray:
        """The probability of each class or label, or the numbers as they are where they have none, (K,)."""
        if self.meaning is None or not len(self.answers):
            return self.answers
        return self.meaning.kind.likelihood(torch.from_numpy(self.answers)[None])[0].numpy()

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of each class or label (K,); empty where the model gives none."""
        return self.values if self.meaning and self.meaning.kind.has_probabilities else np.empty(0)

    def text(self, number: int) -> str:
        """Return the value of that number as a person would say it; "" where the model gives none."""
        values = self.values
        return self.meaning.kind.text(float(values[number])) if self.meaning and number < len(values) else ""

    @property
    def most_confident_target(self) -> str | None:
        """The target that asks for the surest box, or else for the surest region at its surest place."""
        if self.boxes:
            return self.boxes[0].target
        return self.regions.target(*self.regions.surest) if self.regions else None


def predict(model: Model, picture: Picture) -> Prediction:
    """Return the model's answer for `picture`, and whether a view of it gives the same one; raise MirrorError."""
    inputs = model.inputs(picture)
    extra_inputs = model.extra_inputs_of(picture)
    with model.views.lease(extra_inputs) as view, torch.no_grad(), lacking_explained(view.module, inputs):
        inputs = view.accept(inputs)
        output = view.record_calls(inputs)
        # A model that changes as it runs must not run: in training, batch norms would move their averages.
        changes = view.has_effects or any(module.training for module in model.module.modules())
        own = output if changes else view.answer_of(model.module, inputs)
    meaning, answers = model.meaning(output), answers_of(output)
    pairs = zip(tree_leaves(output), tree_leaves(own), strict=True)
    deviations = [_deviation(one, other) for one, other in pairs if isinstance(one, Tensor)]
    return Prediction(
        np.empty(0) if answers is None or len(answers) != 1 else widened(answers[0]).cpu().numpy(),
        meaning,
        described(output),
        max(deviations, default=0.0),
        boxes_of(output),
        regions_of(output) if meaning and meaning.kind is OutputKind.REGIONS else None,
    )


def _deviation(output: Tensor, own: Tensor) -> float:
    if output.shape != own.shape:
        return 1.0
    return relative_difference(output, own)
