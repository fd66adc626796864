"""The mathematics without the page: tensors in, tensors out."""

from pathlib import Path

from torchvision.utils import save_image

from mirror_app.models import catalogue, examples
from mirror_app.visualisations.core import Activations, GradCam, Gradient, grid

known = catalogue.load("shapes")
inputs = known.preprocessing.prepare(examples.examples()[0])  # (1, 3, 128, 128), normalised

images, info = GradCam(known.module)(inputs, None)  # None: where the page begins
print("Grad-CAM:", tuple(images.shape), "for", known.classes[info["target_class"][0]], "from", tuple(info["raw"].shape))

images, info = Gradient(known.module)(inputs, guide=True, target_class=known.classes.index("striped star"))
print("Guided gradient:", tuple(info["raw"].shape), f"from {info['raw'].min():.3f} to {info['raw'].max():.3f}")

images, _ = Activations(known.module)(inputs, known.module.features[4])
save_image(grid(images, 8), Path("maps.png"))
print("Feature maps:", len(images), "in maps.png")
