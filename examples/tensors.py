"""Visualisations without the page: tensors in, tensors out."""

from pathlib import Path

from torchvision.utils import save_image

from mirror_app import Activations, GradCam, Gradient, examples, load, render

bundled = load("shapes")
inputs = bundled.preprocessing.prepare(examples()[0])  # (1, 3, 128, 128), normalised

images, info = GradCam(bundled.module)(inputs, None)  # None: the default layer
print(
    "Grad-CAM:", tuple(images.shape), "for", bundled.classes[info["target_class"][0]], "from", tuple(info["raw"].shape)
)

images, info = Gradient(bundled.module)(inputs, guide=True, target_class=bundled.classes.index("striped star"))
print("Guided gradient:", tuple(info["raw"].shape), f"from {info['raw'].min():.3f} to {info['raw'].max():.3f}")

images, _ = Activations(bundled.module)(inputs, bundled.module.features[4])
save_image(render.grid(images, 8), Path("maps.png"))
print("Feature maps:", len(images), "in maps.png")
