"""Class picture: an image that raises the score of one class as far as possible."""

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mirror_app import render
from mirror_app.optim import PixelSpace, objectives, operators, penalties
from mirror_app.params import ClassPicker, Slider
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.synthesis.image_ascent import (
    Basis,
    Blur,
    Decorrelate,
    L2Weight,
    Seed,
    Steps,
    StepSize,
    TVWeight,
    UseTransforms,
    from_noise,
    make_ascent,
    require_size,
)
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

# More noise than usual: on plain grey, an adversarially trained network has almost no gradient.
START = 0.2


@visualisation(
    "Class picture",
    paper="Simonyan et al. 2014, “Deep Inside Convolutional Networks”, https://arxiv.org/abs/1312.6034",
    use="To see what a network considers typical of a class.",
    avoid="To judge what the class really looks like: many networks are confident about images in which people "
    "recognise nothing.",
    asks=Question.LIKENESS,
    also="activation maximisation, class model visualisation, prototype, optimisation",
)
class ClassPicture(Visualisation):
    """An image optimised to raise the score of one class as far as possible.

    The image is the x that maximises S(x) - λ₁ TV(x) - λ₂ Σ |x - ½| - λ₃ Σ (x - ½)², where S is the score of the class.
    The image starts from noise. The input gives only the size and, if no class is chosen, the class: the model's top
    prediction. The layer has no effect. `info["raw"]` holds the pixels (N, C, H, W) in [0, 1].

    Args:
        inputs: Pictures (N, C, H, W) of the size of the images, normalised as the model expects.
        layer: Not used.
        target_class: The class by number, None for the top prediction of each input, or a target such as
            "features.8:3".
        picture: The numbers that are optimised: "waves" (Fourier coefficients, by Adam) or "pixels" (by steps of fixed
            length).
        decorrelate: Whether waves follow the principal colours of photographs instead of red, green and blue.
        total_variation: The weight λ₁ of the total variation, from 0 to 0.1.
        l1: The weight λ₂ of the L1 penalty, from 0 to 0.5.
        l2: The weight λ₃ of the L2 penalty, from 0 to 0.5.
        blur: The standard deviation of the blur after each step, from 0 to 2 pixels.
        clip: The fraction of the pixels that are set to grey after each step, from 0 to 1.
        robust: Whether the image is transformed before each step: shifted by up to 12 pixels, rotated by up to 5° and
            scaled by up to 5%, at random.
        lr: The step size, from 0 to 0.3.
        steps: The number of steps, from 1 to 500.
        seed: The seed of the noise and of the transforms.

    Returns:
        `(images, info)`: images (N, 3, H, W) in [0, 1]. `info["curve"]` holds the objective of each step.

    Raises:
        MirrorError: If there is no such class, the score has no gradient, or the input is too small for the model.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.visualisations.core import ClassPicture
        >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
        >>> images, info = ClassPicture(model)(torch.rand(1, 3, 32, 32), target_class=2, steps=3)
        >>> images.shape, info["target_class"]
        (torch.Size([1, 3, 32, 32]), [2])

    References:
        Simonyan et al. 2014, “Deep Inside Convolutional Networks”, https://arxiv.org/abs/1312.6034.
        Yosinski et al. 2015, “Understanding Neural Networks Through Deep Visualization”,
        https://arxiv.org/abs/1506.06579: blur and clipping.
        Olah et al. 2017, “Feature Visualization”, https://distill.pub/2017/feature-visualization.

    Deviations from the paper:
        Simonyan et al. optimise pixels, with an L2 penalty. By default, waves are optimised by Adam, as in Olah et al.,
        without a penalty but with a blur, because another network then recognises the class more often.
    """

    look = render.picture
    is_iterative = True
    starts_from_noise = True
    uses_layer = False

    def attribute(
        self,
        inputs: Tensor,
        layer: str,
        *,
        target_class: Annotated[
            int | str | None,
            ClassPicker(
                "The class to picture; by default the top prediction for the input. Or enter a target, such as "
                "`features.8:3` for a channel of a layer.",
                "Target",
            ),
        ] = None,
        picture: Basis = "waves",
        decorrelate: Decorrelate = True,
        total_variation: TVWeight = 0.0,
        l1: Annotated[
            float, Slider("Weight of the L1 penalty, which sets pixels to grey.", "L1", max=0.5, step=0.005)
        ] = 0.0,
        l2: L2Weight = 0.0,
        blur: Blur = 0.3,
        clip: Annotated[
            float,
            Slider("After each step, set this fraction of the pixels to grey: the ones closest to grey.", "Clipping"),
        ] = 0.0,
        robust: UseTransforms = True,
        lr: StepSize = 0.05,
        steps: Steps = 100,
        seed: Seed = 0,
    ) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        require_size(self.view, inputs, target_score.layer)
        chosen = target_score.chosen(target_score.predict(inputs))
        objective = objectives.score(
            target_score.layer, lambda output: target_score.score(target_score.answers(output), chosen)
        )
        ascent = make_ascent(
            self.view,
            PixelSpace.of(inputs, self.mean, self.std),
            objective - total_variation * penalties.total_variation() - l1 * penalties.l1() - l2 * penalties.l2(),
            [operators.blur(blur), operators.clip(clip)],
            picture=picture,
            decorrelate=decorrelate,
            robust=robust,
            lr=lr,
            start=START,
        )
        yield from from_noise(ascent, inputs, steps, seed, target_score.info(chosen))
