"""Between the pixels that are shown and the inputs that a network takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mirror_app.errors import MirrorError


@dataclass(frozen=True)
class PixelSpace:
    """Pixels in [0, 1] on one side, inputs = (pixels - mean) / std on the other."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, inputs: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> "PixelSpace":
        """Return the space of `inputs` (N, C, H, W): of the mean and deviation that they were normalised with.

        Without these, each input's own range, which is at least 0 to 1, stands for [0, 1]. Raises MirrorError where
        their number is not that of the channels.
        """
        if mean is None or std is None:
            low = inputs.amin((1, 2, 3), keepdim=True).clamp(max=0)
            high = inputs.amax((1, 2, 3), keepdim=True).clamp(min=1)
            return cls(-low / (high - low), 1 / (high - low))
        if not len(mean) == len(std) == inputs.shape[1]:
            raise MirrorError(
                f"mean {tuple(mean)} and std {tuple(std)} cannot be those of {inputs.shape[1]} channels: "
                "one number for each channel is needed."
            )
        return cls(*(inputs.new_tensor(values)[:, None, None] for values in (mean, std)))

    def inputs(self, pixels: Tensor) -> Tensor:
        """Return pixels as a network takes them."""
        return (pixels - self.mean) / self.std

    def pixels(self, inputs: Tensor) -> Tensor:
        """Return inputs as pixels, clamped to [0, 1]."""
        return (inputs * self.std + self.mean).clamp(0, 1)
