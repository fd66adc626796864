"""The bundled transformer: a small vision transformer with a convolutional stem and a class token."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mirror_app.bundled.scenes import SIZE

WIDTH = 128
HEADS = 4
DEPTH = 4
STRIDE = 8  # pixels between two tokens


class ShapesTransformer(nn.Module):
    """A vision transformer of four blocks with four heads, 128 wide: 0.94 million weights.

    The input, (N, 3, 128, 128), is normalised like that of the convolutional network. Three convolutions turn it into
    16 x 16 tokens, one every 8 pixels; such a stem trains faster than large patches (Xiao et al. 2021, “Early
    Convolutions Help Transformers See Better”). The output is one logit per class, read from the class token.
    """

    def __init__(self, classes: int = 32) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _stage(3, WIDTH // 4),
            _stage(WIDTH // 4, WIDTH // 2),
            _stage(WIDTH // 2, WIDTH),
            nn.Conv2d(WIDTH, WIDTH, 1),
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1, 1 + (SIZE // STRIDE) ** 2, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits (N, classes)."""
        patches = self.stem(inputs).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(inputs), -1, -1), patches], dim=1) + self.positions
        logits: Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return logits


class Block(nn.Module):
    """Attention, then a two-layer perceptron; each reads normalised tokens, and its output is added to the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (N, T, WIDTH)."""
        tokens = tokens + self.attention(self.norm1(tokens))
        updated: Tensor = tokens + self.mlp(self.norm2(tokens))
        return updated


class Attention(nn.Module):
    """Self-attention with several heads."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.projection = nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens (N, T, WIDTH), each a mixture of the values of all tokens."""
        queries, keys, values = self.qkv(tokens).unflatten(2, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        projected: Tensor = self.projection(mixed.transpose(1, 2).flatten(2))
        return projected


def _stage(channels: int, maps: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, maps, 3, 2, 1, bias=False), nn.BatchNorm2d(maps), nn.ReLU())
