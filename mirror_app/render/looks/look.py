"""Looks: the ways in which raw numbers become colours, with their scales and colour bars.

A look is a function `(raw, picture, **params) -> images`. It makes images (M, 3, h, w) in [0, 1] from the raw numbers
of a visualisation and the picture that the model received, (N, 3, H, W) in [0, 1]. Its annotations declare its
parameters, in the same way as the annotations of a visualisation.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mirror_app.errors import MirrorError
from mirror_app.params import Parameter, declared


@dataclass(frozen=True)
class Legend:
    """A colour bar.

    Args:
        colours: Colours at equal steps, as CSS hex codes.
        low: The number that has the first colour.
        high: The number that has the last colour.

    Example:
        >>> from mirror_app.render import Legend
        >>> Legend(("#000000", "#ffffff"), low=0.0, high=1.5).high
        1.5
    """

    colours: tuple[str, ...]
    low: float
    high: float

    @property
    def ticks(self) -> tuple[float, ...]:
        """The numbers to write below the bar: the lowest, 0 if it is in the middle, and the highest."""
        middle = (0.0,) if self.low == -self.high else ()
        return (self.low, *middle, self.high)


@dataclass(frozen=True)
class Look:
    """A function that turns raw numbers into images, and facts about these images.

    Calling a look calls its `render` function, whose name and docstring the look takes over. The decorator
    `render.look` makes a look from a function. The functions `vmax`, `legend`, `order` and `hint` receive all
    parameters of the look by name.

    Args:
        render: A function `(raw, picture, **params) -> images`. If the look has a `vmax` function, `render` also takes
            an argument `vmax`: the magnitude shown in full colour, or None to give each image its own scale.
        vmax: A function `(raw, picture, **params)` that returns the magnitude shown in full colour when a picture has
            its own scale. Leave it None if the look has no scale that pictures could share.
        legend: A function `(raw_shape, vmax, **params)` that returns the colour bar, or None if, with these parameters,
            single values do not map to single colours (for example, if three channels are drawn as RGB). Leave it None
            if the look never has a colour bar.
        order: A function `(raw, **params)` that returns the indices (M,) of the maps in the order shown, or None if
            these parameters keep the original order. Leave it None if the look never reorders maps.
        hint: A function `(**params)` that returns a sentence on how to read the colours, or "". Leave it None if the
            look needs no such sentence.
        is_evidence: Whether the raw numbers are evidence for a target at each location, which the Trust page can test.
        shows_rgb: Whether three channels are shown as the red, green and blue of one image.

    Raises:
        MirrorError: If `vmax` is given and `render` does not take an argument `vmax`.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> raw, picture = torch.tensor([[[-3.0, 0.0], [1.0, 2.0]]]), torch.zeros(1, 3, 2, 2)
        >>> render.heat.vmax(raw, picture, show="heat map", signed=False)
        2.0
        >>> render.heat.is_evidence, render.tiles.is_evidence
        (True, False)
    """

    render: Callable[..., Tensor]
    vmax: Callable[..., float | None] | None = None
    legend: Callable[..., Legend | None] | None = None
    order: Callable[..., Tensor | None] | None = None
    hint: Callable[..., str] | None = None
    is_evidence: bool = False
    shows_rgb: bool = False

    def __post_init__(self) -> None:
        if self.vmax and not _takes_vmax(self.render):
            name = getattr(self.render, "__name__", repr(self.render))
            raise MirrorError(
                f"The look '{name}' has a vmax, so its function must take an argument 'vmax'.", culprit=name
            )
        # Taken over from the function, so that `help` and doctest find its name and its docstring.
        names = [name for name in ("__module__", "__name__", "__qualname__", "__doc__") if hasattr(self.render, name)]
        vars(self).update({name: getattr(self.render, name) for name in names}, __wrapped__=self.render)

    def __call__(self, raw: Tensor, picture: Tensor, **params: Any) -> Tensor:
        """Return the images, as `render` does."""
        return self.render(raw, picture, **params)

    @property
    def params(self) -> dict[str, Parameter]:
        """The parameters that the annotations of `render` declare, by name."""
        return declared(self.render)


def look(
    *,
    vmax: Callable[..., float | None] | None = None,
    legend: Callable[..., Legend | None] | None = None,
    order: Callable[..., Tensor | None] | None = None,
    hint: Callable[..., str] | None = None,
    is_evidence: bool = False,
    shows_rgb: bool = False,
) -> Callable[[Callable[..., Tensor]], Look]:
    """Return a decorator that turns a function `(raw, picture, **params) -> images` into a look.

    Args:
        vmax: As in `Look`.
        legend: As in `Look`.
        order: As in `Look`.
        hint: As in `Look`.
        is_evidence: As in `Look`.
        shows_rgb: As in `Look`.

    Returns:
        The decorator.

    Raises:
        MirrorError: If `vmax` is given and the function does not take an argument `vmax`.

    Example:
        >>> import torch
        >>> from mirror_app import render
        >>> def peak(raw, picture):
        ...     return float(raw.max())
        >>> def bar(raw_shape, vmax):
        ...     return render.Legend(("#000000", "#ffffff"), 0.0, vmax)
        >>> @render.look(vmax=peak, legend=bar, is_evidence=True)
        ... def grey(raw, picture, *, vmax=None):
        ...     return (raw / (vmax or raw.max()))[:, None].expand(-1, 3, -1, -1)
        >>> raw, picture = torch.tensor([[[0.0, 1.0], [2.0, 4.0]]]), torch.zeros(1, 3, 2, 2)
        >>> grey(raw, picture)[0, 0]
        tensor([[0.0000, 0.2500],
                [0.5000, 1.0000]])
        >>> render.legend(grey, raw.shape, render.vmax(grey, raw, picture)).high
        4.0
    """
    return lambda render: Look(render, vmax, legend, order, hint, is_evidence, shows_rgb)


def _takes_vmax(function: Callable[..., Tensor]) -> bool:
    arguments = inspect.signature(function).parameters
    return "vmax" in arguments or any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values())
