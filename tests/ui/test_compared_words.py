"""A model that reads texts: the words that one types are its answers, each can be explained, and links hold them."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from mirror_app.params import TARGET
from tests.app import page
from tests.models import hub_repositories

pytestmark = pytest.mark.page
CAT, DOG = 'text "a cat"', 'text "a dog"'


@pytest.fixture(scope="module", autouse=True)
def clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    root = tmp_path_factory.mktemp("settings")
    hub_repositories.save("someone/tiny-clip", root)
    (root / "mirror.toml").write_text('[clip]\npath = "someone/tiny-clip"\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRROR_SETTINGS", str(root / "mirror.toml"))
        yield


def target(test: AppTest) -> object:
    assert not test.exception
    assert not test.error
    return dict(test.session_state.mirror.request.params)[TARGET]


def answers(test: AppTest) -> list[str]:
    return [button.label for button in test.button if str(button.key).startswith("ask-text-")]


def test_the_words_that_one_types_are_the_answers_and_each_is_explained() -> None:
    test = page(model="clip", target_class="0")
    assert answers(test) == []
    test.text_area[0].input("a dog\n\n a  cat \na cat").run()
    assert len(answers(test)) == 2  # each text once
    shares = [float(label.rpartition(" · ")[2].removesuffix("%").replace("\\", "")) for label in answers(test)]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert shares == sorted(shares, reverse=True)
    assert test.subheader[0].value == answers(test)[0]
    first, second = (DOG, CAT) if "dog" in answers(test)[0] else (CAT, DOG)
    (why_not,) = (button for button in test.button if str(button.key).startswith("why-not-text-"))
    why_not.click().run()
    assert target(test) == f"{first} - {second}"


def test_a_text_is_explained() -> None:
    test = page(model="clip", target_class="0", **{"explore.words": "a dog|a cat"})
    next(button for button in test.button if button.key == "ask-text-1").click().run()
    assert target(test) == CAT
    assert any("similarity to “a cat”" in caption.value for caption in test.caption)


def test_a_link_holds_the_words_and_the_text() -> None:
    test = page(model="clip", target_class=f"{CAT} - {DOG} down", **{"explore.words": "a cat|a dog"})
    assert target(test) == f"{CAT} - {DOG} down"
    assert len(answers(test)) == 2
    assert test.subheader[0].value == answers(test)[0]
    assert test.query_params["explore.words"] == "a cat|a dog"
    assert test.query_params[TARGET] == f"{CAT} - {DOG} down"


def test_another_picture_is_compared() -> None:
    test = page(model="clip", target_class="0")
    compared = next(box for box in test.selectbox if box.label == "Compare with another picture")
    compared.select(compared.options[1]).run()
    assert str(target(test)).startswith('like "')
    assert any(f"similarity to “{compared.options[1]}”" in caption.value for caption in test.caption)


def test_text_for_a_model_that_reads_none_costs_one_sentence() -> None:
    test = page(model="shapes", target_class=CAT)
    assert not test.exception
    assert any("reads no texts" in box.value for box in test.warning)
    assert not test.text_area
