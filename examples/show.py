"""The page on a model and inputs of one's own. Run it: a browser tab opens; Ctrl+C ends it."""

from torchvision.transforms.functional import normalize, to_tensor

from mirror_app import mirror
from mirror_app.models import catalogue, examples
from mirror_app.visualisations.web import BackProp, DeepDream, GradCam

known = catalogue.load("shapes")
model = known.module  # any nn.Module; it is shown as it is, and never changed
pictures = [picture.pixels for picture in examples.examples()[:2]]
inputs = [normalize(to_tensor(pixels.copy()), known.preprocessing.mean, known.preprocessing.std) for pixels in pictures]

mirror(inputs, model, visualisations=[BackProp, GradCam, DeepDream], classes=known.classes)
