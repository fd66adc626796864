"""The words of the field, for those who meet them for the first time."""

import re

WORDS = {
    "logit": "The number that the model gives a class. The softmax turns the logits of all classes into probabilities.",
    "layer": "One step of the network: it takes feature maps, and gives others.",
    "map": "A feature map: what one channel of a layer gives for a picture, bright where it found what it looks for.",
    "channel": "The part of a layer that makes one of its feature maps, always the same one.",
    "unit": "One place of one channel.",
    "filter": "The weights with which a channel looks for one thing everywhere in the picture.",
    "gradient": "How much a number, such as a logit, grows when a pixel or a place grows a little.",
    "evidence": "A number for each place: how much it speaks for the target. Below zero, it speaks against it.",
    "target": "What is explained: the most likely class, where nothing else is said.",
    "baseline": "A picture that shows nothing, such as a black one: what is seen is told as the difference from it.",
    "receptive field": "The part of the picture that one place of a feature map can see. Architecture tells its size.",
    "octave": "One size of the picture in a dream. Each is larger than the one before.",
    "class token": "Where a transformer gathers what it says of the whole picture; other tokens are patches of it.",
    "head": "One of several attentions in a layer of a transformer. Each looks for something of its own.",
}


def explained(text: str) -> str | None:
    """Return what the words in `text` mean that not everyone knows, as Markdown; None where there are none."""
    found = [word for word in WORDS if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)]
    return "\n\n".join(f"**{word.capitalize()}:** {WORDS[word]}" for word in found) or None
