"""Where Chromium is, for the tests and the benchmarks in a browser."""

import os
import shutil

# The headless shell is Chromium without its window; a page costs it a third less.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def path() -> str | None:
    """Return the Chromium that MIRROR_CHROMIUM names, else the system's; None stands for Playwright's own."""
    return os.environ.get("MIRROR_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
