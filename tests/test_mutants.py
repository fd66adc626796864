"""The mutants still fit the code, and one of them is really found; `make mutants` tries them all."""

import subprocess
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, Mutant, copied, green, mutants, survives


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.patch.stem)
def test_a_mutant_still_fits_the_code(mutant: Mutant) -> None:
    done = subprocess.run(
        ["git", "apply", "--check", "--recount", str(mutant.patch)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all((ROOT / test.partition("::")[0]).exists() for test in mutant.tests)


def test_there_are_twenty_five_and_one_of_them_is_found(tmp_path: Path) -> None:
    found = mutants()
    assert len(found) == 25
    one = next(mutant for mutant in found if "rescaled" in mutant.wrong)
    assert green(copied(tmp_path), one.tests)  # else it would be the copy that turns them red
    assert not survives(one)
