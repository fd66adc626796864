"""The score of a target: a class, a channel of a layer, a number in the model's output, or a difference of two."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mirror_app import layers, targets
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import View
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import meaning_of
from mirror_app.probe.outputs import flatten_to_rows, is_list_of_dicts
from mirror_app.probe.view import RunsBeforeError
from mirror_app.visualisations.core.info import Info
from mirror_app.visualisations.core.similarity import Similarity
from mirror_app.visualisations.core.target_errors import (
    ambiguous_output_error,
    missing_target_error,
    unresolved_error,
)
from mirror_app.visualisations.core.target_numbers import channel_numbers, entry_of, predicted_region


class TargetScore:
    """Computes the score of a target.

    A forward pass gives answers (N, K): the logits of the classes, or one number for each channel of a layer or of an
    entry of the model's output. The score of an item is one of its K answers, the difference of two of them, or their
    similarity to a reference. A forward pass ends at the layer of the target.

    Args:
        view: The private view of the model.
        inputs: The inputs (N, C, H, W) that are explained.
        target_class: A class by number, a text that `targets.parse` reads, a function that returns the scores (N,) for
            an output of the model, a `Similarity`, or None for the top prediction.
        output: The kind of the model's output; by default, it is read from the model.

    Attributes:
        kind: The kind of the model's output, set when the first answers are computed. It stays None unless the target
            is a class.

    Raises:
        MirrorError: If the model does not have the layer of the target, the text is not a target, or it names a text or
            a picture whose embedding is not given.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.probe import View
        >>> from mirror_app.visualisations.core.target_score import TargetScore
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3, bias=False))
        >>> _ = nn.init.ones_(model[1].weight)
        >>> inputs = torch.ones(1, 3, 2, 2)
        >>> target_score = TargetScore(View(model), inputs, 2)
        >>> answers = target_score.predict(inputs)
        >>> answers, target_score.score(answers, target_score.chosen(answers))
        (tensor([[12., 12., 12.]]), tensor([12.]))
    """

    def __init__(
        self,
        view: View,
        inputs: Tensor,
        target_class: int | str | targets.Function | None,
        output: OutputKind | None = None,
    ) -> None:
        self.view = view
        self.output_kind = output
        self.kind: OutputKind | None = None
        self.target = targets.from_value(target_class)
        if self.target.is_similarity:
            raise unresolved_error(self.target)
        self.layer = layers.find(view.source, self.target.layer)
        self.picture = inputs[:1].detach()
        self.region: Tensor | None = None
        if self.target.in_prediction:
            output = view.predict(self.picture, self.layer)
            self.region = predicted_region(view, inputs, self.target, self.layer, entry_of(self.target, output))

    def predict(self, inputs: Tensor) -> Tensor:
        """Return the answers for `inputs`, without a graph."""
        return self.answers(self.view.predict(inputs, self.layer))

    def output(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs as a leaf of the autograd graph, and the answers computed from them."""
        self._learn_layout(inputs)
        leaf, output = self.view.run_from_inputs(inputs, self.layer)
        answers = self.answers(output)
        if not answers.requires_grad:
            raise MirrorError(
                "The model's output has no gradient with respect to the picture; its forward pass may call `detach()`.",
                hint="To explain it, use a method without gradients, such as Occlusion or RISE.",
            )
        return leaf, answers

    def split(self, inputs: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Return the output of `layer` as a leaf of the autograd graph, and the answers computed from it."""
        self._learn_layout(inputs)
        try:
            leaf, output = self.view.split(inputs, layer, self.layer)
        except RunsBeforeError:
            raise self.no_dependence_error(inputs, layer) from None
        answers = self.answers(output)
        if not answers.requires_grad:
            raise self.no_dependence_error(inputs, layer)
        return leaf, answers

    def run_from(self, picture: Tensor, layer: str) -> Callable[[Tensor], Tensor]:
        """Return a function that takes outputs (B, …) to use as the output of `layer`, and returns answers (B, K)."""
        run = self.view.run_from(picture, layer, self.layer)
        return lambda outputs: self.answers(run(outputs))

    def answers(self, output: Any) -> Tensor:
        """Return the answers (N, K) in the output of the target's layer, summed over all positions or read at one."""
        function = self.target.function
        if function and not isinstance(function, Similarity):
            return self._function_scores(function, output)
        if is_list_of_dicts(output):
            if not self.target.entries:
                raise ambiguous_output_error(output)
            items = [self._numbers(entry_of(self.target, item)[None])[0] for item in output]
            return pad_sequence(items, batch_first=True)
        entry = entry_of(self.target, output)
        if self.target.is_class_score and self.kind is None:
            meaning = meaning_of(output, self.view.source, self.output_kind)
            self.kind = meaning.kind if meaning else OutputKind.NUMBERS
        return self._numbers(entry if self.layer or self.target.where else flatten_to_rows(entry))

    def chosen(self, answers: Tensor) -> Tensor:
        """Return, for each item, the index (N,) of the answer used as its score.

        It is the channel of the target, or by default the top prediction.
        """
        channel, count = 0 if self.target.function else self.target.channel, answers.shape[1]
        if channel is None and count > 1 and self.kind in (OutputKind.NUMBERS, OutputKind.EMBEDDING):
            output = "an embedding, which has" if self.kind is OutputKind.EMBEDDING else "numbers, which have"
            accepted = f"a target from 0 to {count - 1}"
            raise MirrorError(
                f"The model returns {output} no top prediction",
                culprit=self.kind,
                accepted=accepted,
                hint=f"choose {accepted}, such as target_class=0",
            )
        if channel is None:
            return answers.argmax(1)
        last = max(channel, self.target.minus or 0)
        if last >= count and self.target.is_class_score:
            kind = self.kind or OutputKind.CLASSES
            raise MirrorError(
                f"No {kind.noun} {last}: {kind.nouns} run from 0 to {count - 1}.",
                culprit=str(last),
                accepted=f"0 to {count - 1}",
            )
        if last >= count:
            available = f"channels run from 0 to {count - 1}" if count else "the output is empty for this picture"
            raise missing_target_error(self.target, available)
        return torch.full((len(answers),), channel, device=answers.device)

    def score(self, answers: Tensor, chosen: Tensor) -> Tensor:
        """Return the score (N,) of each item; an answer that is missing, such as a box no longer detected, counts 0."""
        if isinstance(self.target.function, Similarity):
            return self.target.function(answers)
        score = _picked(answers, chosen)
        if self.target.minus is not None:
            score = score - _picked(answers, torch.full_like(chosen, self.target.minus))
        return -score if self.target.is_down else score

    def proportional_score(self, answers: Tensor, chosen: Tensor) -> Tensor:
        """Return the score (N,) as a linear function of the answers: the norms in a similarity count as constants."""
        function = self.target.function
        if isinstance(function, Similarity):
            return function.proportional(answers)
        return self.score(answers, chosen)

    @property
    def is_logit(self) -> bool:
        """Whether the score is a logit; activations of layers count as logits."""
        return self.kind is None or self.kind.is_logit

    def likelihood(self, answers: Tensor) -> Tensor:
        """Return the answers as probabilities if they are logits of a class that is explained, otherwise unchanged."""
        return self.kind.likelihood(answers) if self.kind and self.target.is_class else answers

    def info(self, chosen: Tensor) -> Info:
        """Return the info about the target: the explained classes by number, or the target in words."""
        if self.kind is None or not self.target.is_class:
            return Info(target=self.target.description)
        return Info(target_class=chosen.tolist(), output=self.kind.value)

    def no_dependence_error(self, inputs: Tensor, layer: str) -> MirrorError:
        """Return an error that says that the answers do not depend on `layer`, and suggests a layer that works."""
        subject = f"The target '{self.target}'" if str(self.target) else "The model's output"
        convolutions = [name for name, module in self.view.modules.items() if isinstance(module, nn.Conv2d)]
        called = [name for name in convolutions if name in self.view.calls] or convolutions
        with torch.enable_grad():
            outputs = self.view.outputs_of(inputs.detach().requires_grad_(), [*called, self.layer])
            score = self.answers(outputs.pop(self.layer)).sum()
            gradients = (
                torch.autograd.grad(score, list(outputs.values()), allow_unused=True) if score.requires_grad else ()
            )
        suitable = [
            name
            for name, gradient in zip(outputs, gradients, strict=False)
            if gradient is not None and gradient.ndim == 4 and gradient[0, 0].numel() > 1 and gradient.any()
        ]
        advice = f"try '{suitable[-1]}'" if suitable else "choose another"
        return MirrorError(f"{subject} does not depend on the layer '{layer}'", culprit=layer, hint=advice)

    def _learn_layout(self, inputs: Tensor) -> None:
        """Learn the layout of the target's layer before a graph is recorded.

        Once the graph is recorded, a model that changes when it runs must not run again.
        """
        self.view.ensure_observed(inputs)
        is_known = (self.layer, tuple(inputs.shape[1:])) in self.view.layouts
        if self.layer and self.view.has_effects and not is_known:
            self.predict(inputs)

    def _numbers(self, values: Tensor) -> Tensor:
        """Return `values`, the tensor of the target, as (N, K): one number for each channel."""
        return channel_numbers(self.view, self.picture, self.target, self.layer, values, self.region)

    def _function_scores(self, function: targets.Function, output: Any) -> Tensor:
        """Return what the target's function makes of the model's output, as (N, 1)."""
        scores = function(output)
        if not isinstance(scores, Tensor) or not scores.is_floating_point() or scores.ndim != 1:
            shown = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise MirrorError(
                f"The function '{self.target}' returns {shown} instead of one real number for each picture",
                culprit=str(self.target),
                accepted="a tensor (N,)",
                hint="return a tensor (N,), such as output[:, 3]",
            )
        return widened(scores)[:, None]


def _picked(answers: Tensor, chosen: Tensor) -> Tensor:
    """Return the chosen answer of each item, (N,), or 0 if it is missing."""
    missing = max(0, int(chosen.max()) + 1 - answers.shape[1])
    return torch.nn.functional.pad(answers, (0, missing)).gather(1, chosen[:, None])[:, 0]
