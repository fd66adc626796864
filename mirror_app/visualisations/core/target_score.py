"""The score of a target, which is a class, a channel of a layer, or a number in the model's output."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mirror_app import layers, targets
from mirror_app.errors import MirrorError
from mirror_app.precision import widened
from mirror_app.probe import Layout, View, channels_first, layout
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import meaning_of
from mirror_app.probe.outputs import flatten_to_rows, format_shape, is_list_of_dicts, output_entries, single_tensor
from mirror_app.probe.view import RunsBeforeError
from mirror_app.targets import Target
from mirror_app.visualisations.core.info import Info
from mirror_app.visualisations.core.target_errors import (
    ambiguous_output_error,
    missing_position_error,
    missing_target_error,
)


class TargetScore:
    """Computes the score of a target.

    A forward pass gives answers (N, K): the logits of the classes, or one number for each channel of a layer or of an
    entry of the model's output. The score of an item is one of its K answers. A forward pass ends at the layer of the
    target.

    Args:
        view: The private view of the model.
        inputs: The inputs (N, C, H, W) that are explained.
        target_class: A class by number, a text that `targets.parse` reads, or None for the top prediction.
        output: The kind of the model's output; by default, it is read from the model.

    Attributes:
        kind: The kind of the model's output, set when the first answers are computed. It stays None unless the target
            is a class.

    Raises:
        MirrorError: If the model does not have the layer of the target, or the text is not a target.

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
        self, view: View, inputs: Tensor, target_class: int | str | None, output: OutputKind | None = None
    ) -> None:
        self.view = view
        self.output_kind = output
        self.kind: OutputKind | None = None
        self.target = targets.from_value(target_class)
        self.layer = layers.find(view.source, self.target.layer)
        self.picture = inputs[:1].detach()

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
        if not is_list_of_dicts(output):
            entry = self._entry(output)
            if self.target.is_class and self.kind is None:
                meaning = meaning_of(output, self.view.source, self.output_kind)
                self.kind = meaning.kind if meaning else OutputKind.NUMBERS
            return self._columns(entry if self.layer or self.target.position else flatten_to_rows(entry))
        if not self.target.entries:
            raise ambiguous_output_error(output)
        items = [self._columns(self._entry(item)[None])[0] for item in output]
        return pad_sequence(items, batch_first=True)

    def chosen(self, answers: Tensor) -> Tensor:
        """Return, for each item, the index (N,) of the answer used as its score.

        It is the channel of the target, or by default the top prediction.
        """
        channel, count = self.target.channel, answers.shape[1]
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
        if channel >= count and self.target.is_class:
            kind = self.kind or OutputKind.CLASSES
            raise MirrorError(
                f"No {kind.noun} {channel}: {kind.nouns} run from 0 to {count - 1}.",
                culprit=str(channel),
                accepted=f"0 to {count - 1}",
            )
        if channel >= count:
            available = f"channels run from 0 to {count - 1}" if count else "the output is empty for this picture"
            raise missing_target_error(self.target, available)
        return torch.full((len(answers),), channel, device=answers.device)

    def score(self, answers: Tensor, chosen: Tensor) -> Tensor:
        """Return the score (N,) of each item; it is 0 if an answer is missing, such as a box no longer detected."""
        missing = max(0, int(chosen.max()) + 1 - answers.shape[1])
        return torch.nn.functional.pad(answers, (0, missing)).gather(1, chosen[:, None])[:, 0]

    @property
    def is_logit(self) -> bool:
        """Whether the score is a logit; activations of layers count as logits."""
        return self.kind is None or self.kind.is_logit

    def likelihood(self, answers: Tensor) -> Tensor:
        """Return the answers as probabilities if they are logits, or otherwise unchanged."""
        return self.kind.likelihood(answers) if self.kind else answers

    def info(self, chosen: Tensor) -> Info:
        """Return the info about the target: the explained classes by number, or the target in words."""
        if self.kind is None:
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

    def _entry(self, output: Any) -> Tensor:
        """Return the tensor that the target's entries lead to in `output`."""
        for key in self.target.entries:
            parts = output_entries(output)
            if key not in parts:
                available = f"the entries are {', '.join(parts)}" if parts else "the output is a single tensor"
                problem = f"The target '{self.target}' has no entry '{key}': {available}."
                raise MirrorError(problem, culprit=key, accepted=tuple(parts))
            output = parts[key]
        values = output if isinstance(output, Tensor) else single_tensor(output)
        if values is None:
            raise ambiguous_output_error(output)
        if values.is_complex():
            raise MirrorError(
                "The model returns complex numbers; a target must be a real number.",
                culprit="complex numbers",
                accepted="a real number",
            )
        if not values.is_floating_point():
            target = str(self.target)
            raise MirrorError(
                f"The model's output at the target '{target}' is an integer, which has no gradient",
                culprit=target,
                hint="choose another target",
            )
        return widened(values)

    def _columns(self, values: Tensor) -> Tensor:
        """Return `values` as (N, K): each channel is summed over its positions, or read at the target's position."""
        if values.ndim == 1:
            columns = values[:, None]
        else:
            inputs = self.picture.expand(len(values), -1, -1, -1)
            columns = channels_first(self.view, inputs, self.layer, values) if self.layer else values
        if self.target.channel is None and columns.ndim > 2:
            raise MirrorError(
                f"The model returns {format_shape(values.shape[1:])} instead of one logit per class",
                culprit=format_shape(values.shape[1:]),
                accepted="one logit per class",
                hint=f"choose a target such as ':{columns.shape[1] - 1}@{','.join('0' * (columns.ndim - 2))}'",
            )
        position = self._position(columns, values)
        if position:
            index: tuple[int | slice, ...] = (slice(None), slice(None), *position)
            return columns[index]
        if not self.layer:
            self._require_maps(columns)
        return columns.flatten(2).sum(2) if columns.ndim > 2 else columns

    def _require_maps(self, columns: Tensor) -> None:
        """Raise MirrorError unless `columns` (N, K, …) are maps: a sum over anything else has no meaning."""
        sides = columns.shape[2:]
        if sum(side != 1 for side in sides) in (0, 2):
            return
        channel = self.target.channel or 0
        position = [*[0] * (len(sides) - 1), channel if channel < sides[-1] else 0]
        example = Target("", self.target.entries, 0, tuple(position))
        subject = f"'{':'.join(self.target.entries)}'" if self.target.entries else "The model"
        raise MirrorError(
            f"{subject} returns {format_shape(columns.shape[1:])} numbers per picture, and '{self.target}' does not "
            "identify one of them",
            culprit=str(self.target),
            hint=f"add its position, as in the target '{example}'",
        )

    def _position(self, columns: Tensor, values: Tensor) -> tuple[int, ...]:
        """Return the target's position in the axes after the channels of `columns` (N, K, …).

        For tokens on a grid, the position is the index of the token at the target's row and column.
        """
        position, sides = self.target.position, tuple(columns.shape[2:])
        if self.layer and len(sides) == 1 and len(position) == 2:
            tokens: Layout = layout(self.view, self.picture.expand(len(values), -1, -1, -1), self.layer, values)
            assert tokens.positions is not None
            height, width = tokens.grid
            if position[0] < height and position[1] < width:
                return (tokens.positions[position[0] * width + position[1]],)
            sides = (height, width)
        if position and (
            len(position) != len(sides) or any(n >= side for n, side in zip(position, sides, strict=True))
        ):
            raise missing_position_error(self.target, sides)
        return position
