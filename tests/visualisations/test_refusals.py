"""The table of what works and what is refused is true: a sample of it here, all of it by `make refusals`."""

import pytest

from mirror_app.visualisations import registry
from tests.refusals import DOCUMENT, FAMILIES, WORKS, Family, Row, cell, read, rows, written

TABLE = read(DOCUMENT.read_text(encoding="utf-8"))
ROWS = list(rows())
QUICK = [family for family in FAMILIES if family.name in ("functional ReLUs", "ViT", "1 channel", "two inputs")]


def test_the_table_has_every_visualisation_and_every_family() -> None:
    assert list(TABLE) == [row.name for row in ROWS]
    assert {entry.name for entry in registry.entries()} <= set(TABLE)
    assert all(list(cells) == [family.name for family in FAMILIES] for cells in TABLE.values())
    assert read(written(TABLE)) == TABLE


@pytest.mark.minutes
@pytest.mark.parametrize("family", QUICK, ids=lambda family: family.name)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_cell_of_the_table_is_true(row: Row, family: Family) -> None:
    assert cell(row, family) == TABLE[row.name][family.name]


def test_a_refusal_is_one_sentence_that_names_what_to_use_instead() -> None:
    refusals = {text for cells in TABLE.values() for text in cells.values()} - {WORKS}
    for text in refusals:
        assert "\n" not in text
        assert any(word in text for word in ("try '", "use ", "choose ", "take ", "is needed")), text


def test_functional_relus_and_torchvisions_own_networks_work() -> None:
    for family in ("functional ReLUs", "DenseNet", "GoogLeNet", "Inception"):
        for name in ("Grad-CAM", "Grad-CAM, guided", "Back Prop, guided", "Deconvnet", "LRP"):
            assert TABLE[name][family] == WORKS, (name, family)
