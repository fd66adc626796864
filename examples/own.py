"""Two ways to add your own visualisation to the page. Opens a browser tab; press Ctrl+C to stop."""

from functools import partial
from typing import Annotated

import torch
from PIL import Image

from mirror_app import Slider, Visualisation, WebInterface, examples, load, mirror, offer


class RepeatInput(Visualisation):
    """The input, repeated."""

    def __call__(self, inputs, layer, repeat=1):
        return inputs.repeat(repeat, 1, 1, 1), None


params = {"repeat": {"type": "slider", "min": 1, "max": 100, "value": 2, "step": 1, "params": {}}}
repeated = partial(WebInterface.from_visualisation, RepeatInput, params=params, name="Repeat")


@offer("Noise")
def noise(model, inputs, layer, *, steps: Annotated[int, Slider("Number of noise levels.", min=1, max=20, step=1)] = 8):
    """How the predicted class changes with noise: one picture per noise level, with the classes as a note."""
    generator = torch.Generator().manual_seed(0)
    noise_pattern = torch.randn(inputs.shape, generator=generator).to(inputs)
    images, classes = [], []
    for step in range(steps):
        images.append(inputs + noise_pattern * step / steps)
        with torch.no_grad():
            classes.append(int(model(images[-1]).argmax()))
        grid = torch.cat(images)
        grid = (grid - grid.amin()) / (grid.amax() - grid.amin())
        yield grid, {"progress": (step + 1) / steps, "note": f"Classes, with more and more noise: {classes}."}


if __name__ == "__main__":
    mirror(Image.fromarray(examples()[0].pixels), load("shapes"), visualisations=[repeated, noise])
