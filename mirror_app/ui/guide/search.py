"""What a query finds: each of its words must stand in a text, or begin a word of it, in any order."""

import re

from mirror_app.ui.common.glossary import WORDS
from mirror_app.visualisations.registry import Entry

# They stand in nearly every question, and tell nothing of what it is about.
SMALL = frozenset(
    "a an and are at be by can cause did do does for from get give has have how i in is it its look looking made make "
    "makes me model my network of on one or picture say says see show so some that the them they this to up use was "
    "what when which who with you".split()
)


def words(query: str) -> list[str]:
    """Return the words of a query without the small ones."""
    return [word for word in _split(query) if word not in SMALL]


def matches(query: str, text: str) -> bool:
    """Tell whether each word of the query stands in the text: gradcam, grad cam and Grad-CAM are the same."""
    parts = _split(text)
    # Two or three words are also found where the query writes them as one.
    joined = ["".join(parts[first : first + 3]) for first in range(len(parts))]
    return all(any(start.startswith(_singular(word)) for start in (*parts, *joined)) for word in words(query))


def all_of(entry: Entry) -> str:
    """Return all that is said of a visualisation but when not to take it, which tells what it is not."""
    question = (entry.asks.text, entry.asks.also) if entry.asks else ()
    parameters = [part for name, parameter in entry.params.items() for part in (name, parameter.label)]
    said = (entry.name, entry.key, entry.kind.__name__, entry.also, entry.description, entry.use, entry.paper)
    return " \n".join([*said, *question, *parameters])


def meant(query: str) -> list[str]:
    """Return the words of the glossary that the query asks for."""
    asked = words(query)
    return [
        word
        for word, meaning in WORDS.items()
        if any(matches(part, word) for part in asked) and matches(query, f"{word} {meaning}")
    ]


def _split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower().replace("isation", "ization"))


def _singular(word: str) -> str:
    return re.sub(r"(?<=ss)es$|(?<=[^s])s$", "", word)
