"""The mutants fit the code, and one of them is really found; `make mutants` tries them all."""

import shutil
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, copy_project, passes, survives
from tests.mutants.catalogue import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mistake)
def test_a_mutant_fits_the_code(mutant: Mutant, tmp_path: Path) -> None:
    for edit in mutant.edits:
        copy = tmp_path / edit.file
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copy(ROOT / edit.file, copy)
        edit.apply(tmp_path)
    for file in {edit.file for edit in mutant.edits}:
        compile((tmp_path / file).read_text(encoding="utf-8"), file, "exec")
    assert all((ROOT / test.partition("::")[0]).exists() for test in mutant.tests)


@pytest.mark.minutes
def test_there_are_thirty_five_and_one_of_them_is_found(tmp_path: Path) -> None:
    assert len(MUTANTS) == 35
    (rescaled,) = (mutant for mutant in MUTANTS if "rescaled" in mutant.mistake)
    assert passes(copy_project(tmp_path), rescaled.tests)  # or else it would be the copy that makes them fail
    assert not survives(rescaled)
