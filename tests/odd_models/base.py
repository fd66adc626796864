"""The small model that the others build on."""

from typing import Any

import torch
from torch import Tensor, nn


class Small(nn.Module):
    """Two convolutions, an average and a linear layer, for members of a kind to build on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(20)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.conv = nn.Conv2d(4, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)

    def maps(self, inputs: Tensor) -> Tensor:
        return self.conv(self.first(inputs).relu()).relu()

    def forward(self, inputs: Tensor) -> Any:
        return self.head(self.maps(inputs).mean((2, 3)))


# What holds its state in objects.


class Box:
    def __init__(self, **held: Any) -> None:
        vars(self).update(held)
