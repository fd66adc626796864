"""Show your own model and inputs on the page. Opens a browser tab; press Ctrl+C to stop."""

from torchvision.transforms.functional import normalize, to_tensor

from mirror_app import DeepDream, GradCam, Gradient, examples, load, mirror

bundled = load("shapes")
model = bundled.module  # any nn.Module; it is never changed
pictures = [picture.pixels for picture in examples()[:2]]
mean, std = bundled.preprocessing.mean, bundled.preprocessing.std
inputs = [normalize(to_tensor(pixels.copy()), mean, std) for pixels in pictures]

mirror(inputs, model, visualisations=[Gradient, GradCam, DeepDream], classes=bundled.classes)
