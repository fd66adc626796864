"""A view of a model that is asked for one thing: whatever it is, there are answers (N, K), and one of them counts."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from mirror_app import layers, targets
from mirror_app.errors import MirrorError, nearest
from mirror_app.precision import widened
from mirror_app.probe import Layout, View, columns_of, layout
from mirror_app.probe.output_kind import OutputKind
from mirror_app.probe.output_meaning import meaning_of
from mirror_app.probe.outputs import described, in_words, leaves_of, of_items, one_row_each, only_answers, parts_of
from mirror_app.probe.view import RunsBeforeError
from mirror_app.targets import Target

Info = dict[str, Any]


class TargetScore:
    """What `target_class` asks of `view` for inputs (N, C, H, W): a class, or what `targets.parse` reads of a text.

    The answers (N, K) are the logits of the classes, or a number for each channel of a layer or of an entry of the
    model's output; `chosen` tells which one of them counts for each item. No pass goes further than the layer that is
    asked. Raises MirrorError where there is no such thing.

    `output` says what the model's numbers are. `kind` is what they turn out to be once there are answers, None for any
    other target than a class.
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
        """Return the inputs as a leaf of the graph, and the answers that were computed from it."""
        self._find_places(inputs)
        leaf, output = self.view.output(inputs, self.layer)
        answers = self.answers(output)
        if not answers.requires_grad:
            raise MirrorError(
                "No gradient leads from the answer to the picture, as where a forward pass detaches: take a "
                "visualisation without gradients, such as Occlusion or RISE."
            )
        return leaf, answers

    def split(self, inputs: Tensor, layer: str) -> tuple[Tensor, Tensor]:
        """Return what `layer` gives as a leaf of the graph, and the answers that were computed from it."""
        self._find_places(inputs)
        try:
            leaf, output = self.view.split(inputs, layer, self.layer)
        except RunsBeforeError:
            raise self.apart(inputs, layer) from None
        answers = self.answers(output)
        if not answers.requires_grad:
            raise self.apart(inputs, layer)
        return leaf, answers

    def run_from(self, picture: Tensor, layer: str) -> Callable[[Tensor], Tensor]:
        """Return the function from what `layer` may give (B, …), in place of what it does, to the answers (B, K)."""
        run = self.view.run_from(picture, layer, self.layer)
        return lambda outputs: self.answers(run(outputs))

    def answers(self, output: Any) -> Tensor:
        """Return the answers in what the layer that is asked gives; all places are summed up, or one is taken."""
        if not of_items(output):
            found = self._entry(output)
            if self.target.is_class and self.kind is None:
                meaning = meaning_of(output, self.view.source, self.output_kind)
                self.kind = meaning.kind if meaning else OutputKind.NUMBERS
            return self._columns(found if self.layer or self.target.position else one_row_each(found))
        if not self.target.entries:
            raise _several(output)
        items = [self._columns(self._entry(item)[None])[0] for item in output]
        return pad_sequence(items, batch_first=True)

    def chosen(self, answers: Tensor) -> Tensor:
        """Return which of the answers counts, (N,): the target's, or the most likely class where none is named."""
        channel, count = self.target.channel, answers.shape[1]
        if channel is None and count > 1 and self.kind in (OutputKind.NUMBERS, OutputKind.EMBEDDING):
            what = "an embedding" if self.kind is OutputKind.EMBEDDING else "numbers"
            raise MirrorError(
                f"The model gives {what} of which none is the most likely: name a target, 0 to {count - 1}, as in "
                "target_class=0."
            )
        if channel is None:
            return answers.argmax(1)
        if channel >= count and self.target.is_class:
            nouns = (self.kind or OutputKind.CLASSES).nouns
            raise MirrorError(f"target_class cannot be {channel}: the model has {nouns} 0 to {count - 1}.")
        if channel >= count:
            there = f"channels 0 to {count - 1} are there" if count else "nothing is there for this picture"
            raise MirrorError(f"The target '{self.target}' cannot be shown: {there}.")
        return torch.full((len(answers),), channel, device=answers.device)

    def score(self, answers: Tensor, chosen: Tensor) -> Tensor:
        """Return the one answer of each item that counts (N,); what is not there any more, such as a box, counts 0."""
        missing = max(0, int(chosen.max()) + 1 - answers.shape[1])
        return torch.nn.functional.pad(answers, (0, missing)).gather(1, chosen[:, None])[:, 0]

    @property
    def is_logit(self) -> bool:
        """Whether what is asked is a logit, or the like: an activation of a layer is taken for one."""
        return self.kind is None or self.kind.is_logit

    def likelihood(self, answers: Tensor) -> Tensor:
        """Return the answers as probabilities where they are logits of classes or labels, else as they are."""
        return self.kind.likelihood(answers) if self.kind else answers

    def info(self, chosen: Tensor) -> Info:
        """Return what there is to say: the classes that were chosen, by number, or the target in words."""
        if self.kind is None:
            return {"target": self.target.description}
        return {"target_class": chosen.tolist(), "output": self.kind.value}

    def apart(self, inputs: Tensor, layer: str) -> MirrorError:
        """Return the error that `layer` has no part in the answers for `inputs`: it names one on which they depend."""
        asked = f"The target '{self.target}'" if str(self.target) else "The model's output"
        convolutions = [name for name, module in self.view.modules.items() if isinstance(module, nn.Conv2d)]
        reached = [name for name in convolutions if name in self.view.calls] or convolutions
        with torch.enable_grad():
            taken = self.view.outputs_of(inputs.detach().requires_grad_(), [*reached, self.layer])
            score = self.answers(taken.pop(self.layer)).sum()
            slopes = torch.autograd.grad(score, list(taken.values()), allow_unused=True) if score.requires_grad else ()
        parts = [
            name
            for name, slope in zip(taken, slopes, strict=False)
            if slope is not None and slope.ndim == 4 and slope[0, 0].numel() > 1 and slope.any()
        ]
        advice = f"try '{parts[-1]}'" if parts else "choose another"
        return MirrorError(f"{asked} does not depend on the layer '{layer}': {advice}.")

    def _find_places(self, inputs: Tensor) -> None:
        """Find the places of the target's layer before a graph is recorded: later, the model must not write again."""
        self.view.learn(inputs)
        is_known = (self.layer, tuple(inputs.shape[1:])) in self.view.layouts
        if self.layer and self.view.has_effects and not is_known:
            self.predict(inputs)

    def _entry(self, output: Any) -> Tensor:
        """Return the tensor that the target's entries lead to in `output`."""
        for key in self.target.entries:
            parts = parts_of(output)
            if key not in parts:
                there = f"there are {', '.join(parts)}" if parts else "it is one tensor, without entries"
                raise MirrorError(f"The target '{self.target}' has no entry '{key}': {there}.{nearest(key, parts)}")
            output = parts[key]
        found = output if isinstance(output, Tensor) else only_answers(output)
        if found is None:
            raise _several(output)
        if found.is_complex():
            raise MirrorError("The model gives complex numbers, which have no order: let it give real ones.")
        if not found.is_floating_point():
            raise MirrorError(f"The target '{self.target}' is a whole number, which no pixel moves: choose another.")
        return widened(found)

    def _columns(self, found: Tensor) -> Tensor:
        """Return `found` as (N, K), each of the K channels summed over its places, or at the place of the target."""
        if found.ndim == 1:
            columns = found[:, None]
        else:
            inputs = self.picture.expand(len(found), -1, -1, -1)
            columns = columns_of(self.view, inputs, self.layer, found) if self.layer else found
        if self.target.channel is None and columns.ndim > 2:
            raise MirrorError(
                f"The model gives {in_words(found.shape[1:])}, where one logit a class, (N, classes), is needed: "
                f"name a target such as ':{columns.shape[1] - 1}@{','.join('0' * (columns.ndim - 2))}'."
            )
        place = self._place(columns, found)
        if place:
            where: tuple[int | slice, ...] = (slice(None), slice(None), *place)
            return columns[where]
        if not self.layer:
            self._require_maps(columns)
        return columns.flatten(2).sum(2) if columns.ndim > 2 else columns

    def _require_maps(self, columns: Tensor) -> None:
        """Raise MirrorError where `columns` (N, K, …) hold other things than maps: a sum over them has no meaning."""
        sides = columns.shape[2:]
        if sum(side != 1 for side in sides) in (0, 2):
            return
        asked = self.target.channel or 0
        place = [*[0] * (len(sides) - 1), asked if asked < sides[-1] else 0]
        number = Target("", self.target.entries, 0, tuple(place))
        culprit = f"'{':'.join(self.target.entries)}'" if self.target.entries else "The model"
        raise MirrorError(
            f"{culprit} gives {in_words(columns.shape[1:])} numbers for a picture, and '{self.target}' does not say "
            f"which of them is meant: name its place too, as in the target '{number}'."
        )

    def _place(self, columns: Tensor, found: Tensor) -> tuple[int, ...]:
        """Return the target's place in the axes of `columns` (N, K, …) behind the channels; of tokens, which one."""
        place, sides = self.target.position, tuple(columns.shape[2:])
        if self.layer and len(sides) == 1 and len(place) == 2:
            held: Layout = layout(self.view, self.picture.expand(len(found), -1, -1, -1), self.layer, found)
            assert held.positions is not None
            rows, width = held.grid
            if place[0] < rows and place[1] < width:
                return (held.positions[place[0] * width + place[1]],)
            sides = (rows, width)
        if place and (len(place) != len(sides) or any(n >= side for n, side in zip(place, sides, strict=True))):
            there = f"rows and columns of {in_words(sides)} places are there" if sides else "it has one place only"
            raise MirrorError(f"The target '{self.target}' cannot be shown: {there}, from 0 on.")
        return place


def _several(output: Any) -> MirrorError:
    """Return the error that `output` holds several tensors, or none: it names a number that can be asked for."""
    is_listed = of_items(output)
    leaves = leaves_of(output[0] if is_listed else output)
    floats = [(name, part) for name, part in leaves if part.is_floating_point() and part.numel()]
    if not floats:
        what = described(output) if leaves else f"a {type(output).__name__} without a tensor"
        return MirrorError(f"The model gives {what}: a tensor of real numbers is needed to ask for one of them.")
    name, part = min(floats, key=lambda leaf: leaf[1].ndim)
    places = part.ndim - (1 if is_listed else 2)  # what is listed by picture has no axis for the pictures
    place = f"@{','.join('0' * places)}" if places > 0 else ""
    return MirrorError(
        f"The model gives more than one thing ({described(output)}): say which number is meant, as in the target "
        f"':{name}:0{place}'."
    )
