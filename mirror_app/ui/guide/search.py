"""The guide's search: a text matches if each keyword of the query starts one of the text's words, in any order."""

import re

from mirror_app.ui.common.glossary import WORDS
from mirror_app.visualisations.registry import Entry

# These words occur in nearly every question, and say nothing about the subject.
STOP_WORDS = frozenset(
    "a an and are at be by can cause did do does for from get give has have how i in is it its look looking made make "
    "makes me model my network of on one or picture say says see show so some that the them they this to up use was "
    "what when which who with you".split()
)


def keywords(query: str) -> list[str]:
    """Return the words of a query without the stop words."""
    return [word for word in _split(query) if word not in STOP_WORDS]


def matches(query: str, text: str) -> bool:
    """Return whether each keyword of `query` starts a word of `text`; gradcam, grad cam and Grad-CAM are the same."""
    parts = _split(text)
    # Two or three words of the text also match if the query writes them as one.
    joined = ["".join(parts[first : first + 3]) for first in range(len(parts))]
    return all(any(start.startswith(_singular(word)) for start in (*parts, *joined)) for word in keywords(query))


def searchable_text(entry: Entry) -> str:
    """Return all texts about a visualisation except `avoid`, which would match queries meant for other methods."""
    question = (entry.asks.text, entry.asks.also) if entry.asks else ()
    parameters = [part for name, parameter in entry.params.items() for part in (name, parameter.label)]
    about = (entry.name, entry.key, entry.kind.__name__, entry.also, entry.description, entry.use, entry.paper)
    return " \n".join([*about, *question, *parameters])


def glossary_words(query: str) -> list[str]:
    """Return the words of the glossary that the query asks for."""
    query_keywords = keywords(query)
    return [
        word
        for word, meaning in WORDS.items()
        if any(matches(keyword, word) for keyword in query_keywords) and matches(query, f"{word} {meaning}")
    ]


def _split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower().replace("isation", "ization"))


def _singular(word: str) -> str:
    return re.sub(r"(?<=ss)es$|(?<=[^s])s$", "", word)
