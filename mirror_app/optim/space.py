"""The conversion between pixels, which are shown, and inputs, which a network takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mirror_app.errors import MirrorError


@dataclass(frozen=True)
class PixelSpace:
    """The conversion inputs = (pixels - mean) / std, with pixels in [0, 1].

    Args:
        mean: The mean, of a shape that broadcasts with (N, C, H, W).
        std: The standard deviation, of a shape that broadcasts with (N, C, H, W).

    Example:
        >>> import torch
        >>> from mirror_app.optim import PixelSpace
        >>> inputs = torch.tensor([-2.0, 0.0, 2.0]).view(1, 1, 1, 3)
        >>> space = PixelSpace.of(inputs, mean=[0.5], std=[0.25])
        >>> space.pixels(inputs)
        tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, inputs: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> "PixelSpace":
        """Return the conversion for `inputs`.

        Args:
            inputs: The inputs (N, C, H, W) of the model.
            mean: The mean that the inputs were normalised with, one number per channel. Without `mean` or `std`, each
                input's own range, extended to contain 0 and 1, is mapped to [0, 1].
            std: The standard deviation that the inputs were normalised with, one number per channel.

        Returns:
            The conversion.

        Raises:
            MirrorError: If `mean` or `std` does not have one number per channel.
        """
        if mean is None or std is None:
            low = inputs.amin((1, 2, 3), keepdim=True).clamp(max=0)
            high = inputs.amax((1, 2, 3), keepdim=True).clamp(min=1)
            return cls(-low / (high - low), 1 / (high - low))
        if not len(mean) == len(std) == inputs.shape[1]:
            culprit = f"mean {tuple(mean)} and std {tuple(std)}"
            raise MirrorError(
                f"{culprit} do not match the {inputs.shape[1]} channels of the input",
                culprit=culprit,
                accepted="one number per channel",
                hint="give one number per channel",
            )
        return cls(*(inputs.new_tensor(values)[:, None, None] for values in (mean, std)))

    def inputs(self, pixels: Tensor) -> Tensor:
        """Return the inputs (N, C, H, W) for `pixels`."""
        return (pixels - self.mean) / self.std

    def pixels(self, inputs: Tensor) -> Tensor:
        """Return the pixels (N, C, H, W) of `inputs`, clamped to [0, 1]."""
        return (inputs * self.std + self.mean).clamp(0, 1)
