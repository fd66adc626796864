"""The glossary of terms."""

import re

WORDS = {
    "logit": "The raw score of a class. The softmax turns the logits of all classes into probabilities.",
    "class score": "The logit of a class: its score before the softmax.",
    "layer": "One step of the network, which turns feature maps into other feature maps.",
    "map": "A feature map: the output of one channel of a layer, bright where its feature was detected.",
    "channel": "The part of a layer that produces one of its feature maps.",
    "unit": "One location of one channel.",
    "filter": "The weights with which a channel looks for one feature everywhere in the picture.",
    "gradient": "How fast a number, such as a logit, changes when a pixel or a unit changes slightly.",
    "evidence": "How much each location supports the target; negative values count against it.",
    "target": "The quantity that is explained: by default, the score of the most likely class.",
    "baseline": "A picture without content, such as a black one. An explanation accounts for the difference between "
    "the picture and this baseline.",
    "receptive field": "The part of the picture that a unit can see. The Architecture page shows its size.",
    "octave": "One of the image sizes at which Deep Dream works; each is larger than the one before.",
    "class token": "The token in which a transformer collects its answer; the other tokens are patches of the picture.",
    "head": "One of several parallel attention maps in a layer of a transformer.",
}


def explained(text: str) -> str | None:
    """Return the explanations of the terms in `text` as Markdown, or None if there are none."""
    terms = [word for word in WORDS if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)]
    return "\n\n".join(f"**{word.capitalize()}:** {WORDS[word]}" for word in terms) or None
