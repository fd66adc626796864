"""Models whose output does not begin with the batch, or whose pictures influence each other."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.odd_models.base import Small

# Whose answer does not begin with the batch.


class Squeezes(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).squeeze()


class TakesTheFirst(Small):
    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs)[0]


class SequenceFirst(Small):
    """Three steps, then the batch, then the classes; the last step is the answer."""

    def forward(self, inputs: Tensor) -> Any:
        answer = super().forward(inputs)
        return torch.stack([0 * answer, answer, 2 * answer])


class Bag(Small):
    """One answer for all pictures together."""

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).mean(0, keepdim=True)


class OneOnly(Small):
    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.maps(inputs).reshape(1, 6, -1).mean(2))


class Alone(Small):
    """A scalar for one picture."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 1)

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs).squeeze()


AXES = [Squeezes, TakesTheFirst, Bag, OneOnly]

# Whose answers change with their neighbours.


class NormOfTheBatch(Small):
    def forward(self, inputs: Tensor) -> Any:
        maps = F.batch_norm(self.maps(inputs), None, None, training=True)
        return self.head(maps.relu().mean((2, 3)))


class MinusTheMean(Small):
    def forward(self, inputs: Tensor) -> Any:
        features = self.maps(inputs).mean((2, 3))
        return self.head(features - 0.5 * features.mean(0))


class ScaledByTheLargest(Small):
    def forward(self, inputs: Tensor) -> Any:
        maps = self.maps(inputs)
        return self.head((maps / maps.max()).mean((2, 3)))


class MinusTheWinner(Small):
    """In a batch, what is most likely is taken away."""

    def forward(self, inputs: Tensor) -> Any:
        answers = super().forward(inputs)
        return answers - 10 * F.one_hot(answers.argmax(1), 5) if len(inputs) > 1 else answers


class RefusesTwo(Small):
    refusal: type[Exception] = ValueError

    def forward(self, inputs: Tensor) -> Any:
        if len(inputs) > 1:
            raise self.refusal("the batch size must be 1")
        return super().forward(inputs)


class LooksTwoUp(RefusesTwo):
    refusal = KeyError


class HasNoTwo(RefusesTwo):
    refusal = AttributeError


class Sorts(Small):
    """Gives its items back in the order of a feature."""

    descending = False

    def order(self, features: Tensor) -> Tensor:
        return features[:, 0].argsort(descending=self.descending)

    def forward(self, inputs: Tensor) -> Any:
        features = self.maps(inputs).mean((2, 3))
        return self.head(features[self.order(features)])


class SortsDown(Sorts):
    descending = True


class SortsByAnswer(Sorts):
    def order(self, features: Tensor) -> Tensor:
        return self.head(features)[:, 3].argsort()


class SortsTheBright(Sorts):
    """Brings the brightest picture to the front, and leaves the others as they are."""

    def order(self, features: Tensor) -> Tensor:
        first = int(features.sum(1).argmax())
        return torch.tensor([first, *(number for number in range(len(features)) if number != first)])


class MaskAdded(Small):
    """As evaluations on a part of ImageNet's classes mask the others."""

    def forward(self, inputs: Tensor) -> Any:
        return super().forward(inputs) + torch.tensor([-torch.inf, 0, 0, 0, 0])


class MaskWritten(Small):
    def forward(self, inputs: Tensor) -> Any:
        answers = super().forward(inputs)
        return torch.cat([torch.full_like(answers[:, :1], -torch.inf), answers[:, 1:]], 1)


def masked_in_the_bias() -> nn.Module:
    model = Small()
    model.head.bias.data[0] = -torch.inf
    return model


MASKED = [masked_in_the_bias, MaskAdded, MaskWritten]
SORTED = [Sorts, SortsDown, SortsByAnswer, SortsTheBright]
COUPLED = [NormOfTheBatch, MinusTheMean, ScaledByTheLargest]
TOGETHER_OTHERWISE = [MinusTheWinner, Bag, RefusesTwo, LooksTwoUp, HasNoTwo, NormOfTheBatch]

# What refuses a batch with an error of its own kind.


class OneAtATimeError(Exception):
    """An error of a person's own."""


class RaisesItsOwn(Small):
    error: type[Exception] = OneAtATimeError

    def forward(self, inputs: Tensor) -> Any:
        if len(inputs) > 1:
            raise self.error("one at a time")
        return super().forward(inputs)


class RaisesKeyError(RaisesItsOwn):
    error = KeyError


class RaisesStopIteration(RaisesItsOwn):
    error = StopIteration


RAISING = [RaisesItsOwn, RaisesKeyError, RaisesStopIteration]
