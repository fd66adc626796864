"""What is changed when a picture is changed: its pixels, or the waves that it is made of.

Both describe the same pictures; which one decides what “the steepest way up” is (Olah et al. 2017, “Preconditioning”).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mirror_app.optim.colour_space import mixing


class Parametrisation(ABC):
    """Pixels (N, C, H, W) in [0, 1] to and from the numbers that are stepped; `size` is (H, W)."""

    @abstractmethod
    def encode(self, pixels: Tensor) -> Tensor:
        """Return the numbers for `pixels`, brought into the range."""

    @abstractmethod
    def decode(self, numbers: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the pixels that the numbers stand for."""

    @abstractmethod
    def noise(self, grey: Tensor, generator: Generator) -> Tensor:
        """Return a picture of the size of `grey` (1, C, H, W) to start from: mid-grey with a little noise."""


class Pixels(Parametrisation):
    """The pixels themselves, kept in range by clamping."""

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels.clamp(0, 1)

    def decode(self, numbers: Tensor, size: tuple[int, int]) -> Tensor:
        return numbers

    def noise(self, grey: Tensor, generator: Generator) -> Tensor:
        return (0.5 + 0.02 * _normal(grey, generator)).clamp(0, 1)


@dataclass(frozen=True)
class Fourier(Parametrisation):
    """Waves (N, C, H, W // 2 + 1, 2), each scaled by its length, so that broad forms grow as readily as fine ones.

    Decorrelated, the channels are the principal colours of photographs in place of red, green and blue. A sigmoid keeps
    the pixels in range: those nearer than 0.001 to black or white cannot be told from it. `start` is the deviation of
    the waves in the noise to start from.
    """

    decorrelate: bool = True
    start: float = 0.01

    def encode(self, pixels: Tensor) -> Tensor:
        plane = pixels.clamp(_EDGE, 1 - _EDGE).logit() / _GAIN
        plane = torch.einsum("dc,nchw->ndhw", torch.linalg.inv(self._mixing(pixels)), plane)
        return torch.view_as_real(
            torch.fft.rfft2(plane, norm="ortho") / _lengths(plane, (plane.shape[2], plane.shape[3]))
        )

    def decode(self, numbers: Tensor, size: tuple[int, int]) -> Tensor:
        spectrum = torch.view_as_complex(numbers) * _lengths(numbers, size)
        plane = torch.fft.irfft2(spectrum, s=size, norm="ortho")
        return torch.sigmoid(_GAIN * torch.einsum("cd,ndhw->nchw", self._mixing(numbers), plane))

    def noise(self, grey: Tensor, generator: Generator) -> Tensor:
        numbers = self.start * _normal(self.encode(grey), generator)
        return self.decode(numbers, (grey.shape[2], grey.shape[3]))

    def _mixing(self, like: Tensor) -> Tensor:
        if not self.decorrelate or like.shape[1] != 3:
            return torch.eye(like.shape[1]).to(like)
        colours = mixing()
        return (colours / colours.norm(dim=0).max()).to(like)


_EDGE = 1e-3
_GAIN = 0.25


def _lengths(like: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the length of each wave in pixels, at most the picture's longer side."""
    down = torch.fft.fftfreq(size[0], dtype=like.dtype, device=like.device)
    across = torch.fft.rfftfreq(size[1], dtype=like.dtype, device=like.device)
    return 1 / torch.hypot(down[:, None], across).clamp(min=1 / max(size))


def _normal(like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
