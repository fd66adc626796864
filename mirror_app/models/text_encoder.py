"""Embeds texts in the space in which a model such as CLIP embeds pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor, nn

from mirror_app import targets
from mirror_app.errors import MirrorError


@dataclass(frozen=True)
class TextTower:
    """The part of a model that reads texts.

    Args:
        module: The module, in evaluation mode.
        tokens: Returns the tokens of a text with those at its start and end, without padding.
        embed: Returns the embedding (K,) of tokens.
        limit: The largest number of tokens.
        scale: The factor of a cosine in the model's logits.
        bias: The summand in the logits if each text has a probability of its own, as in SigLIP; None if the
            probabilities of all texts sum to 1, as in CLIP.
    """

    module: nn.Module
    tokens: Callable[[str], list[int]]
    embed: Callable[[list[int]], Tensor]
    limit: int
    scale: float
    bias: float | None = None


class TextEncoder:
    """The text tower of a model, which is loaded when a text is embedded for the first time."""

    def __init__(self, load: Callable[[], TextTower]) -> None:
        self._load = load
        self._tower: TextTower | None = None
        self._lock = Lock()

    @property
    def tower(self) -> TextTower:
        """The text tower. May raise MirrorError."""
        with self._lock:
            self._tower = self._tower or self._load()
        return self._tower

    @property
    def bytes(self) -> int:
        """The memory that the weights of the text tower take now, in bytes."""
        weights = self._tower.module.parameters() if self._tower else ()
        return sum(weight.numel() * weight.element_size() for weight in weights)

    def embedding(self, text: str) -> Tensor:
        """Return the embedding (K,) of `text`; raise MirrorError if it has too many tokens for the model."""
        tower = self.tower
        tokens = tower.tokens(text)
        if len(tokens) > tower.limit:
            raise MirrorError(
                f"The text has {len(tokens)} tokens, and the model reads at most {tower.limit}",
                culprit=text,
                accepted=f"at most {tower.limit} tokens",
                hint="shorten it",
            )
        with torch.no_grad():
            return tower.embed(tokens)

    def likelihood(self, cosines: Tensor) -> Tensor:
        """Return the probability of each text, (K,), given the cosines (K,) between a picture and these texts."""
        tower = self.tower
        logits = tower.scale * cosines
        return logits.softmax(0) if tower.bias is None else (logits + tower.bias).sigmoid()


def text_target(words: str) -> str:
    """Return the target for words that a person enters, such as 'a cat' or 'a cat - a dog'.

    Example:
        >>> from mirror_app.models.text_encoder import text_target
        >>> text_target("a cat - a dog")
        'text "a cat" - text "a dog"'
        >>> text_target('text "a cat" down'), text_target("3")
        ('text "a cat" down', '3')
    """
    try:
        return str(targets.parse(words))
    except MirrorError:
        down = targets.DOWN if words.endswith(targets.DOWN) else ""
        parts = words.removesuffix(down).replace('"', "").split(targets.MINUS, 1)
        return targets.MINUS.join(str(targets.Target(text=part.strip())) for part in parts) + down
