"""Break the product on purpose, one way at a time, and see the tests fail: `make mutants`."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
PARTS = ("mirror_app", "pages", "tests", "benchmarks", "docs", "examples", ".streamlit", "pyproject.toml", "README.md",
         "CONTRIBUTING.md")  # fmt: skip


def survives(mutant: Mutant) -> bool:
    """Return whether the tests still pass on a copy of the project with the mistake."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_project(Path(folder))
        for edit in mutant.edits:
            edit.apply(copy)
        return passes(copy, mutant.tests)


def copy_project(folder: Path) -> Path:
    """Return `folder`, with a copy of the project in it."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "screenshots"))
        elif source.exists():
            shutil.copy(source, folder / part)
    return folder


def passes(copy: Path, tests: Iterable[str]) -> bool:
    """Return whether all those tests pass in a copy of the project; raise RuntimeError if they cannot be run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise RuntimeError(run.stdout + run.stderr)
    return run.returncode == 0


def main() -> None:
    """Try all mutants; exit with 1 if one survives."""
    with tempfile.TemporaryDirectory() as folder:
        # If the tests fail without a mutant, their failing with one means nothing.
        if not passes(copy_project(Path(folder)), sorted({test for mutant in MUTANTS for test in mutant.tests})):
            sys.exit("The tests fail without any mutant.")
    survivors = []
    for mutant in MUTANTS:
        has_survived = survives(mutant)
        survivors += [mutant] * has_survived
        print(f"{'SURVIVED' if has_survived else 'found'}: {mutant.mistake}", flush=True)
    print(f"{len(MUTANTS) - len(survivors)} of {len(MUTANTS)} found")
    if survivors:
        sys.exit(1)


if __name__ == "__main__":
    main()
