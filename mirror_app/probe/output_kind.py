"""The kinds of output that a model may have, and what follows from each: probabilities or plain numbers, and words."""

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from mirror_app.errors import MirrorError, nearest


class OutputKind(StrEnum):
    """What the numbers (N, K) are that a model gives for N pictures; regions and boxes have other shapes."""

    CLASSES = "classes"  # logits of classes that exclude each other: their softmax is a probability
    LABELS = "labels"  # logits of labels that may hold together: the sigmoid of each is a probability
    NUMBERS = "numbers"  # of a regression
    PROBABILITIES = "probabilities"  # already, each in [0, 1]
    EMBEDDING = "embedding"  # a vector, of which no single number has a meaning of its own
    REGIONS = "regions"  # a logit for each class and place
    BOXES = "boxes"  # with a score for each

    @classmethod
    def of(cls, word: str) -> "OutputKind":
        """Return the kind that `word` names; raise MirrorError with the nearest."""
        kinds = tuple(cls)
        if word in kinds:
            return cls(word)
        raise MirrorError(
            f"output cannot be {str(word)[:60]!r}: one of {', '.join(kinds)} is needed.{nearest(word, cls)}"
        )

    @property
    def noun(self) -> str:
        """What one of the numbers stands for."""
        match self:
            case OutputKind.LABELS:
                return "label"
            case OutputKind.NUMBERS:
                return "number"
            case OutputKind.EMBEDDING:
                return "channel"
        return "class"

    @property
    def nouns(self) -> str:
        """What several of the numbers stand for."""
        return "classes" if self.noun == "class" else f"{self.noun}s"

    @property
    def is_logit(self) -> bool:
        """Whether each number is a logit, which a softmax or a sigmoid turns into a probability."""
        return self in (OutputKind.CLASSES, OutputKind.LABELS)

    @property
    def has_probabilities(self) -> bool:
        """Whether each number has a probability, so that one is the most likely."""
        return self.is_logit or self is OutputKind.PROBABILITIES

    def likelihood(self, answers: Tensor) -> Tensor:
        """Return the probability of each of the `answers` (N, K), or the answers themselves where they have none."""
        if self is OutputKind.CLASSES:
            return answers.softmax(1)
        return answers.sigmoid() if self is OutputKind.LABELS else answers

    def text(self, value: float) -> str:
        """Return one of the numbers of `likelihood` as a person would say it, a probability in percent."""
        if not self.has_probabilities:
            return f"{value:.4g}"
        if self is OutputKind.LABELS and value > 0.999:  # a sigmoid is never certain
            return ">99.9%"
        return "<0.1%" if value < 0.001 else f"{value:.1%}"

    def names(self, count: int) -> tuple[str, ...]:
        """Return names for so many numbers where nobody gave them any."""
        return tuple(f"{self.noun} {number}" for number in range(count))


@dataclass(frozen=True)
class OutputMeaning:
    """What kind an output is, and whether that is only assumed, since nobody said so."""

    kind: OutputKind
    assumed: bool = False
