"""The kinds of output that a model may have, with the probabilities, names and words that belong to each."""

from dataclasses import dataclass
from enum import StrEnum

from torch import Tensor

from mirror_app.errors import MirrorError


class OutputKind(StrEnum):
    """The meaning of the scores (N, K) of a model; regions and boxes have other shapes."""

    CLASSES = "classes"  # logits of mutually exclusive classes: softmax gives probabilities
    LABELS = "labels"  # logits of independent labels: sigmoid gives probabilities
    NUMBERS = "numbers"  # values of a regression
    PROBABILITIES = "probabilities"  # already normalised, each in [0, 1]
    EMBEDDING = "embedding"  # a vector whose single entries have no meaning
    REGIONS = "regions"  # a logit for each class and location
    BOXES = "boxes"  # boxes with scores

    @classmethod
    def of(cls, word: str) -> "OutputKind":
        """Return the kind named `word`, or raise MirrorError with the nearest match."""
        kinds = tuple(cls)
        if word in kinds:
            return cls(word)
        raise MirrorError(
            f"output cannot be {str(word)[:60]!r}: it must be one of {', '.join(kinds)}.",
            culprit=str(word),
            accepted=kinds,
        )

    @property
    def noun(self) -> str:
        """The word for one of the scores."""
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
        """The word for several of the scores."""
        return "classes" if self.noun == "class" else f"{self.noun}s"

    @property
    def is_logit(self) -> bool:
        """Whether each score is a logit, which softmax or sigmoid turns into a probability."""
        return self in (OutputKind.CLASSES, OutputKind.LABELS)

    @property
    def has_probabilities(self) -> bool:
        """Whether each score has a probability, so that there is a most likely one."""
        return self.is_logit or self is OutputKind.PROBABILITIES

    def likelihood(self, answers: Tensor) -> Tensor:
        """Return the probabilities of `answers` (N, K), or `answers` unchanged if this kind has none."""
        if self is OutputKind.CLASSES:
            return answers.softmax(1)
        return answers.sigmoid() if self is OutputKind.LABELS else answers

    def text(self, value: float) -> str:
        """Return a value of `likelihood` as text, with probabilities in percent."""
        if not self.has_probabilities:
            return f"{value:.4g}"
        if self is OutputKind.LABELS and value > 0.999:  # a sigmoid is never certain
            return ">99.9%"
        return "<0.1%" if value < 0.001 else f"{value:.1%}"

    def names(self, count: int) -> tuple[str, ...]:
        """Return default names for `count` scores."""
        return tuple(f"{self.noun} {number}" for number in range(count))


@dataclass(frozen=True)
class OutputMeaning:
    """The kind of an output, and whether it is only assumed because nothing declares it."""

    kind: OutputKind
    assumed: bool = False
