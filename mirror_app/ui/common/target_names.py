"""The explained target in words, with the names of the model's classes."""

from mirror_app import targets
from mirror_app.engine import Result
from mirror_app.params import TARGET
from mirror_app.ui.store import Selection


def target_name(selection: Selection, result: Result) -> str:
    """Return the explained target, such as “tabby” or “tabby minus tiger cat”; "" if the method explains none."""
    name_of, info = selection.model.name_of, result.info
    if info.target_class:
        return name_of(info.target_class[0])
    value = selection.values.get(TARGET)
    return targets.parse(value).described(name_of) if info.target and isinstance(value, str) else info.target or ""
