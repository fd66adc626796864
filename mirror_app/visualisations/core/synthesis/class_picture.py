"""Class picture: the picture that raises a class's logit most."""

from collections.abc import Iterator
from typing import Annotated

from torch import Tensor

from mirror_app import render
from mirror_app.optim import Ascent, Fourier, Pixels, PixelSpace, objectives, operators, optimisers, penalties
from mirror_app.params import ClassPicker, Slider
from mirror_app.visualisations.core.base import Attribution, Visualisation
from mirror_app.visualisations.core.synthesis.film import (
    ROBUST,
    Blur,
    Decorrelate,
    L2Weight,
    MadeOf,
    Seed,
    Steps,
    Strength,
    TVWeight,
    UseTransforms,
    from_noise,
    require_size,
)
from mirror_app.visualisations.core.target_score import TargetScore
from mirror_app.visualisations.registry import Question, visualisation

# The gradient of a network trained on the worst changes is next to nothing on plain grey.
START = 0.2


@visualisation(
    "Class picture",
    paper="Simonyan et al. 2014, “Deep Inside Convolutional Networks”, https://arxiv.org/abs/1312.6034",
    use="To see what a network considers typical of a class.",
    avoid="As a likeness: many networks are confident about images in which people recognise nothing.",
    asks=Question.LIKENESS,
    also="activation maximisation, class model visualisation, prototype, optimisation",
)
class ClassPicture(Visualisation):
    """An image optimised to raise the score of one class as far as possible.

    The raw array is the pixels (N, C, H, W) in [0, 1], made from noise: of the input only its size counts, and its most
    likely class where none is chosen. The layer does not matter. In the paper pixels are climbed, held near grey by L2;
    waves are climbed by Adam, as in Olah et al. 2017, and another network knows the class in them more often.
    """

    look = staticmethod(render.picture)
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
                "The class that is pictured; none: the one that the model finds in the input. Or type a target, as "
                "`features.8:3` for a channel of a layer.",
                "Target",
            ),
        ] = None,
        picture: MadeOf = "waves",
        decorrelate: Decorrelate = True,
        total_variation: TVWeight = 0.0,
        l1: Annotated[
            float, Slider("Weight of the L1 penalty, which sets pixels to grey.", "L1", max=0.5, step=0.005)
        ] = 0.0,
        l2: L2Weight = 0.0,
        blur: Blur = 0.3,
        clip: Annotated[
            float, Slider("Fraction of the pixels set to grey after each step: those nearest to it.", "Clipping")
        ] = 0.0,
        robust: UseTransforms = True,
        lr: Strength = 0.05,
        steps: Steps = 100,
        seed: Seed = 0,
    ) -> Iterator[Attribution]:
        target_score = TargetScore(self.view, inputs, target_class, self.output)
        require_size(self.view, inputs, target_score.layer)
        chosen = target_score.chosen(target_score.predict(inputs))
        objective = objectives.score(
            target_score.layer, lambda output: target_score.score(target_score.answers(output), chosen)
        )
        waves = picture == "waves"
        ascent = Ascent(
            self.view,
            PixelSpace.of(inputs, self.mean, self.std),
            objective - total_variation * penalties.total_variation() - l1 * penalties.l1() - l2 * penalties.l2(),
            optimisers.adam(lr) if waves else optimisers.steepest(lr),
            Fourier(decorrelate, START) if waves else Pixels(),
            ROBUST if robust else (),
            [operators.blur(blur), operators.clip(clip)],
        )
        yield from from_noise(ascent, inputs, steps, seed, **target_score.info(chosen))
