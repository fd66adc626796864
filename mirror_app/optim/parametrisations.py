"""Parametrisations: the numbers that are optimised to change a picture, either pixels or Fourier coefficients.

Both describe the same pictures, but their directions of steepest ascent differ (Olah et al. 2017, “Preconditioning”).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mirror_app.optim.colour_space import mixing


class Parametrisation(ABC):
    """A mapping between pixels (N, C, H, W) in [0, 1] and the parameters that are optimised.

    Example:
        >>> import torch
        >>> from mirror_app.optim import Parametrisation
        >>> class Logits(Parametrisation):
        ...     def encode(self, pixels):
        ...         return pixels.logit(eps=1e-3)
        ...
        ...     def decode(self, parameters, size):
        ...         return parameters.sigmoid()
        ...
        ...     def noise(self, grey, generator):
        ...         return 0.5 + 0.02 * torch.randn(grey.shape, generator=generator)
        >>> Logits().decode(Logits().encode(torch.tensor([0.25, 1.0])), (1, 2))
        tensor([0.2500, 0.9990])
    """

    @abstractmethod
    def encode(self, pixels: Tensor) -> Tensor:
        """Return the parameters of `pixels`, after clamping the pixels to the range that parameters can describe."""

    @abstractmethod
    def decode(self, parameters: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the pixels (N, C, H, W) that `parameters` describe; `size` is (H, W)."""

    @abstractmethod
    def noise(self, grey: Tensor, generator: Generator) -> Tensor:
        """Return a picture to start from, of the size of `grey` (1, C, H, W): mid-grey with a little noise."""


class Pixels(Parametrisation):
    """The pixels themselves, clamped to [0, 1].

    Example:
        >>> import torch
        >>> from mirror_app.optim import Pixels
        >>> Pixels().encode(torch.tensor([-1.0, 0.5, 2.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels.clamp(0, 1)

    def decode(self, parameters: Tensor, size: tuple[int, int]) -> Tensor:
        return parameters

    def noise(self, grey: Tensor, generator: Generator) -> Tensor:
        return (0.5 + 0.02 * _normal(grey, generator)).clamp(0, 1)


@dataclass(frozen=True)
class Fourier(Parametrisation):
    """Fourier coefficients (N, C, H, W // 2 + 1, 2), each scaled by its wavelength.

    x = sigmoid(¼ M · irfft2(θ · λ)). Here, λ is the wavelength in pixels, at most the longer side of the picture, and M
    is the colour matrix. The scaling lets broad shapes grow as readily as fine ones. The last axis of θ holds the real
    and the imaginary part.

    Args:
        decorrelate: Whether the channels are the principal colours of photographs (`colour_space.mixing`, scaled so
            that its longest column has length 1) instead of red, green and blue. It has no effect unless there are
            three channels.
        start: The standard deviation of the coefficients of the initial noise.

    Example:
        >>> import torch
        >>> from mirror_app.optim import Fourier
        >>> waves, pictures = Fourier(), torch.rand(2, 3, 8, 9)
        >>> waves.encode(pictures).shape
        torch.Size([2, 3, 8, 5, 2])
        >>> torch.allclose(waves.decode(waves.encode(pictures), (8, 9)), pictures, atol=2e-3)
        True

    References:
        Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization.

    Deviations from the paper:
        Pixels within 0.001 of black or white are encoded as 0.001 or 0.999, because the sigmoid cannot be
        inverted at 0 and 1.
    """

    decorrelate: bool = True
    start: float = 0.01

    def encode(self, pixels: Tensor) -> Tensor:
        plane = pixels.clamp(_EDGE, 1 - _EDGE).logit() / _GAIN
        plane = torch.einsum("dc,nchw->ndhw", torch.linalg.inv(self._mixing(pixels)), plane)
        return torch.view_as_real(
            torch.fft.rfft2(plane, norm="ortho") / _wavelengths(plane, (plane.shape[2], plane.shape[3]))
        )

    def decode(self, parameters: Tensor, size: tuple[int, int]) -> Tensor:
        spectrum = torch.view_as_complex(parameters) * _wavelengths(parameters, size)
        plane = torch.fft.irfft2(spectrum, s=size, norm="ortho")
        return torch.sigmoid(_GAIN * torch.einsum("cd,ndhw->nchw", self._mixing(parameters), plane))

    def noise(self, grey: Tensor, generator: Generator) -> Tensor:
        parameters = self.start * _normal(self.encode(grey), generator)
        return self.decode(parameters, (grey.shape[2], grey.shape[3]))

    def _mixing(self, like: Tensor) -> Tensor:
        if not self.decorrelate or like.shape[1] != 3:
            return torch.eye(like.shape[1]).to(like)
        colours = mixing()
        return (colours / colours.norm(dim=0).max()).to(like)


_EDGE = 1e-3
_GAIN = 0.25


def _wavelengths(like: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the length of each wave in pixels, at most the picture's longer side."""
    rows = torch.fft.fftfreq(size[0], dtype=like.dtype, device=like.device)
    columns = torch.fft.rfftfreq(size[1], dtype=like.dtype, device=like.device)
    return 1 / torch.hypot(rows[:, None], columns).clamp(min=1 / max(size))


def _normal(like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype).to(like.device)
