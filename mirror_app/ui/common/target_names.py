"""The explained target in words, with the names of the model's classes."""

from mirror_app import targets
from mirror_app.engine import Result
from mirror_app.params import TARGET
from mirror_app.ui.state.session import current
from mirror_app.ui.store import Selection


def target_name(selection: Selection, result: Result) -> str:
    """Return the explained target, such as “tabby” or “tabby minus tiger cat”; "" if the method explains none."""
    name_of, info = selection.model.name_of, result.info
    if info.target_class:
        return name_of(info.target_class[0])
    value = selection.values.get(TARGET)
    if not info.target or not isinstance(value, str):
        return info.target or ""
    pictures = current().pictures
    return targets.parse(value).described(name_of, lambda id_: pictures[id_].name if id_ in pictures else id_)
