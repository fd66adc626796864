"""Visualisations of one's own on the page, in two ways. Run it: a browser tab opens; Ctrl+C ends it."""

from functools import partial
from typing import Annotated

import torch
from PIL import Image

from mirror_app import mirror
from mirror_app.models import catalogue, examples
from mirror_app.params import Slider
from mirror_app.visualisations.core import Visualisation
from mirror_app.visualisations.web import WebInterface, offer


class RepeatInput(Visualisation):
    """The input, again and again."""

    def __call__(self, inputs, layer, repeat=1):
        return inputs.repeat(repeat, 1, 1, 1), None


params = {"repeat": {"type": "slider", "min": 1, "max": 100, "value": 2, "step": 1, "params": {}}}
repeated = partial(WebInterface.from_visualisation, RepeatInput, params=params, name="Repeat")


@offer("Noise")
def noise(model, inputs, layer, *, steps: Annotated[int, Slider("How many looks.", min=1, max=20, step=1)] = 8):
    """How often the model changes its mind as noise grows: one picture for each look, the answer as a note."""
    generator = torch.Generator().manual_seed(0)
    grain = torch.randn(inputs.shape, generator=generator).to(inputs)
    images, answers = [], []
    for step in range(steps):
        images.append(inputs + grain * step / steps)
        with torch.no_grad():
            answers.append(int(model(images[-1]).argmax()))
        shown = torch.cat(images)
        shown = (shown - shown.amin()) / (shown.amax() - shown.amin())
        yield shown, {"progress": (step + 1) / steps, "note": f"Classes, with more and more noise: {answers}."}


if __name__ == "__main__":
    mirror(Image.fromarray(examples.examples()[0].pixels), catalogue.load("shapes"), visualisations=[repeated, noise])
