"""The bundled network: small, plain, and built so that its features are easy to inspect."""

from torch import Tensor, nn

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


class ShapesNet(nn.Module):
    """A convolutional network with batch norm, ReLU, pooling and one linear layer: 0.83 million weights.

    The input, (N, 3, 128, 128), is normalised with MEAN and STD. The output is one logit per class. The first filters
    are 7 x 7, large enough to view. The last maps are 16 x 16, for fine localisation, and each of their cells has a
    receptive field of 97 pixels, which covers a whole object.
    """

    def __init__(self, classes: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _stage(3, 32, 7, stride=2),
            _stage(32, 48, 3),
            nn.MaxPool2d(2),
            _stage(48, 96, 3),
            _stage(96, 96, 3),
            nn.MaxPool2d(2),
            _stage(96, 144, 3),
            _stage(144, 144, 3),
            _stage(144, 144, 3),
            _stage(144, 144, 3),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(144, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits (N, classes)."""
        scores: Tensor = self.classifier(self.pool(self.features(inputs)).flatten(1))
        return scores


def _stage(channels: int, maps: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, maps, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(maps), nn.ReLU())
