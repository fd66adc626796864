"""Break the product on purpose, one way at a time, and see the tests go red: `make mutants`.

Each patch here is a wrong implementation that others have shipped. Its first line says what is wrong, the second which
tests must find it, files or single tests as pytest names them; they know nothing of the patches.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("mirror_app", "pages", "tests", "benchmarks", "docs", "examples", ".streamlit", "pyproject.toml", "README.md",
         "CONTRIBUTING.md")  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A patch to the product's code, what it gets wrong, and the tests that must turn red."""

    patch: Path
    wrong: str
    tests: tuple[str, ...]


def mutants() -> list[Mutant]:
    """Return all of them, in the order of their numbers."""
    found = []
    for patch in sorted(Path(__file__).parent.glob("*.patch")):
        wrong, tests = patch.read_text(encoding="utf-8").splitlines()[:2]
        found.append(Mutant(patch, wrong, tuple(tests.removeprefix("tests: ").split())))
    return found


def survives(mutant: Mutant) -> bool:
    """Tell whether the tests stay green on a copy of the project with the patch."""
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        subprocess.run(["git", "apply", "--recount", str(mutant.patch)], cwd=copy, check=True)
        return green(copy, mutant.tests)


def copied(folder: Path) -> Path:
    """Return a copy of the project in `folder`."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "screenshots"))
        elif source.exists():
            shutil.copy(source, folder / part)
    return folder


def green(copy: Path, tests: Iterable[str]) -> bool:
    """Tell whether all those tests pass in a copy of the project; raise where they cannot even be run."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout + done.stderr)
    return done.returncode == 0


def main() -> None:
    found = mutants()
    with tempfile.TemporaryDirectory() as folder:
        # Where they are red already, their red says nothing.
        if not green(copied(Path(folder)), sorted({test for mutant in found for test in mutant.tests})):
            sys.exit("The tests are red without any mutant.")
    survivors = []
    for mutant in found:
        alive = survives(mutant)
        survivors += [mutant] * alive
        print(f"{'SURVIVED' if alive else 'found'}: {mutant.wrong}", flush=True)
    print(f"{len(found) - len(survivors)} of {len(found)}")
    if survivors:
        sys.exit(1)


if __name__ == "__main__":
    main()
