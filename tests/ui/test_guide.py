"""The guide tells of every visualisation what is declared with it, and opens it."""

import pytest
from streamlit.testing.v1 import AppTest
from torch import Tensor

from mirror_app.ui.common import glossary
from mirror_app.ui.common.glossary import WORDS
from mirror_app.ui.guide import search, sections
from mirror_app.ui.guide.sections import PICTURES
from mirror_app.visualisations import registry
from mirror_app.visualisations.registry import Question
from mirror_app.visualisations.web import offer
from tests.app import figures, lives, page


@pytest.fixture(scope="module")
def whole() -> AppTest:
    return page("guide")


@pytest.mark.parametrize("entry", registry.entries(), ids=lambda entry: entry.key)
def test_all_that_is_declared_is_told(entry: registry.Entry, whole: AppTest) -> None:
    assert entry.use
    assert entry.avoid
    assert entry.asks
    assert entry.also
    assert entry.paper or entry.key in ("activations", "kernels")
    assert (PICTURES / f"{entry.key}.png").exists()
    page_text = "\n".join(item.value for item in whole.markdown).replace("\\", "")
    for text in (entry.summary, entry.use, entry.avoid, entry.also, entry.paper, entry.kind.__name__):
        assert text in page_text
    for name, parameter in entry.params.items():
        assert f"`{name}=" in page_text
        assert parameter.help.replace("\\", "") in page_text
    assert any(button.key == f"try {entry.key}" for button in whole.button)


def test_words_are_explained_where_they_stand(whole: AppTest) -> None:
    page_text = [item.value for item in whole.markdown]
    assert all(f"**{word.capitalize()}:** {meaning}" in page_text for word, meaning in WORDS.items())
    explained = glossary.explained("How much the class's logit grows, ahead of each map")
    assert explained is not None
    assert [part.split(":")[0] for part in explained.split("\n\n")] == ["**Logit", "**Map"]
    assert glossary.explained("A heading") is None
    summary = page(visualisation="back-prop").caption[0]
    assert "class score" in summary.value
    assert "softmax" in summary.help


def keys(query: str) -> set[str]:
    return {entry.key for entry in registry.entries() if search.matches(query, search.searchable_text(entry))}


def tried(test: AppTest) -> list[str]:
    return [str(button.key).removeprefix("try ") for button in test.button if str(button.key).startswith("try ")]


def answering(question: Question) -> set[str]:
    return {entry.key for entry in registry.entries() if entry.asks is question}


@pytest.mark.parametrize(
    ("query", "found", "others"),
    [
        ("Which pixels made the model say so?", answering(Question.PIXELS), {"activations", "kernels"}),
        (
            "why",
            answering(Question.WHERE) | answering(Question.PIXELS),
            {"activations", "attention", "kernels", "deep-dream"},
        ),
        ("explain the class", answering(Question.WHERE) | answering(Question.PIXELS), {"activations", "eigen-cam"}),
        ("saliency map", {"back-prop", "smoothgrad"}, {"grad-cam", "activations"}),
        ("heatmaps", {"grad-cam", "occlusion", "lrp"}, {"activations", "kernels"}),
        ("feature maps", {"activations"}, {"occlusion"}),
        ("map activation class", {"cam", "grad-cam"}, {"lrp"}),  # in any order
        ("guided backprop", {"back-prop"}, {"lrp"}),
        ("blackbox", {"occlusion", "rise"}, {"grad-cam"}),
        ("activation maximization", {"class-picture", "filter-visualisation"}, {"activations"}),
        ("GradCAM++", {"grad-cam-plus-plus"}, {"lrp"}),
        ("strength", {"grad-cam"}, {"kernels"}),  # a parameter
        ("what is it", {entry.key for entry in registry.entries()}, set()),  # nothing but small words
    ],
)
def test_a_query_finds_those_that_have_all_its_words(query: str, found: set[str], others: set[str]) -> None:
    assert found <= keys(query)
    assert not others & keys(query)


def test_what_a_visualisation_is_not_for_does_not_find_it() -> None:
    entry = registry.get("activations")
    assert "chosen" in entry.avoid
    assert "activations" not in keys("chosen")


def test_one_of_ones_own_is_found_by_its_name_and_by_what_is_said_of_it() -> None:
    @offer("Again and again")
    def repeat(model: object, inputs: Tensor, layer: object) -> tuple[Tensor, None]:
        """The zebra, once more."""
        return inputs, None

    assert repeat.entry.asks is None
    for query in ("again", "zebra", ""):
        assert search.matches(query, search.searchable_text(repeat.entry))
    assert not search.matches("heatmap", search.searchable_text(repeat.entry))


def test_a_question_shows_what_answers_it_in_the_order_to_try() -> None:
    test = page("guide")
    for question in Question:
        test.pills(key="guide-question").set_value(question).run()
        assert set(tried(test)) == answering(question)
        first = [key for key in sections.RECOMMENDED if key in answering(question)]
        assert len(first) >= 3
        assert tried(test)[: len(first)] == first
    assert set(sections.RECOMMENDED) <= {entry.key for entry in registry.entries()}
    test.text_input(key="guide-find").set_value("occlusion").run()
    (box,) = test.info
    assert figures(box.value) == ["1"]  # that answers other questions
    assert "occlusion" in box.value
    test.pills(key="guide-question").set_value(None).run()
    assert tried(test) == ["occlusion"]


def test_what_is_named_so_comes_first_and_then_what_answers_the_question() -> None:
    test = page("guide")
    test.text_input(key="guide-find").set_value("layer-cam").run()
    assert tried(test)[0] == "layer-cam"
    test.text_input(key="guide-find").set_value("Which pixels made the model say so?").run()
    assert set(tried(test)[:5]) == answering(Question.PIXELS)


def test_a_word_of_the_glossary_is_explained_and_where_nothing_is_found_this_is_said() -> None:
    test = page("guide")
    test.text_input(key="guide-find").set_value("receptive fields").run()
    meaning = f"**Receptive field:** {WORDS['receptive field']}"
    assert [item.value for item in test.markdown].count(meaning) == 2  # among all words, and for the query
    (box,) = test.info
    before, _, after = box.value.partition("“receptive fields”")
    assert after
    assert "receptive field" not in before + after  # a word that is explained is not suggested
    assert tried(test) == []
    test.text_input(key="guide-find").set_value("salliency").run()
    (box,) = test.info
    assert "“salliency”" in box.value
    assert "saliency map" in box.value
    test.text_input(key="guide-find").set_value("gradients").run()
    assert tried(test)
    assert search.glossary_words("gradients") == ["gradient"]
    assert search.glossary_words("saliency map") == []


def test_a_word_finds_those_in_which_it_stands_and_one_of_them_is_tried() -> None:
    test = page("guide")
    next(field for field in test.text_input if field.label == "Find").set_value("transformer").run()
    assert {"attention", "attention-rollout"} <= set(tried(test))
    assert len(tried(test)) < len(registry.entries()) / 2
    next(field for field in test.text_input if field.label == "Find").set_value("layer-cam").run()
    next(button for button in test.button if button.key == "try layer-cam").click().run()
    assert lives(test)
    assert test.session_state.mirror.request.visualisation == "layer-cam"
