"""The visualisations of installed packages: each is an entry point in the group `mirror_app.visualisations`.

An entry point may refer to a subclass of `Visualisation`, whether registered with `registry.visualisation` or not, to a
function decorated with `web.offer`, or to a `WebInterface`. Once this module is imported, the visualisations of all
entry points are loaded before the first look-up.
"""

import logging
import traceback
from importlib.metadata import entry_points
from pathlib import Path

from mirror_app.errors import MirrorError
from mirror_app.visualisations import registry
from mirror_app.visualisations.web import entries_of

GROUP = "mirror_app.visualisations"
_log = logging.getLogger("mirror_app")


def _register_all() -> None:
    """Register the visualisations of all installed packages; log a warning for each one that cannot be registered."""
    for point in sorted(entry_points(group=GROUP)):  # the same order on every machine
        try:
            for entry in entries_of([point.load()]):
                registry.add(entry)
        except (Exception, SystemExit) as error:  # the code of a package may raise anything
            package = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
            _log.warning(
                "The visualisation '%s' (%s) of the package %s is left out: %s",
                *(point.name, point.value, package, _reason(error)),
            )


def _reason(error: BaseException) -> str:
    if isinstance(error, MirrorError):
        return str(error)
    line = str(error).strip().partition("\n")[0].removesuffix(".")
    steps = [step for step in traceback.extract_tb(error.__traceback__) if "importlib" not in step.filename]
    location = f" ({Path(steps[-1].filename).name}, line {steps[-1].lineno})" if len(steps) > 1 else ""
    return f"{type(error).__name__}: {line}{location}."


registry.before_look_up(_register_all)
