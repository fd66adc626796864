"""Choices of one page, such as the rows of a comparison.

They are remembered while the visitor is on other pages, and are part of the link. There, the options of a choice are
separated by commas; a comma within an option is written as %2C, and a percent sign as %25.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from mirror_app.errors import MirrorError
from mirror_app.ui.state import query_params, widget_state
from mirror_app.ui.state.session import current

Format = Callable[[str], str]
Read = Callable[[str], str]  # raises MirrorError for a text that it does not accept
ON, OFF = "on", "off"
MAX_ENTERED = 100  # the number of options with entered ones among them that are read, whatever a visitor sends


def one(
    name: str, label: str, options: Sequence[str], help_text: str, format_option: Format = str, default: str = ""
) -> str:
    """Let the visitor choose one of a few options; the first is the default, unless another default is given.

    A given default may change from run to run; the choice follows it until the visitor chooses something else. `name`,
    such as “compare.rows”, starts with the page's name. Both the widget's key and the links use this name.
    """
    chosen, previous_default = widget_state.choice(name), widget_state.choice(f"{name}.default")
    follows_default = default and chosen.value == previous_default.value
    previous_default.value = default
    default = default or options[0]
    requested = _from_link(name, options) or [default if follows_default else chosen.value]
    chosen.set_if_changed(requested[0] if requested[0] in options else default)
    st.segmented_control(
        label, options, format_func=format_option, required=True, key=name, help=help_text, persist_state="session"
    )
    return _written_to_link(name, [chosen.value], [default])[0]


def switch(name: str, label: str, help_text: str) -> bool:
    """Let the visitor turn something off that is on by default; `name` as in `one`."""
    chosen = widget_state.switch(name)
    if requested := _from_link(name, (ON, OFF)):
        chosen.value = requested[0] == ON
    chosen.set_if_changed(chosen.value)
    st.toggle(label, key=name, help=help_text, persist_state="session")
    _written_to_link(name, [ON if chosen.value else OFF], [ON])
    return chosen.value


def several(
    name: str,
    label: str,
    options: Sequence[str],
    default: Sequence[str],
    format_option: Format = str,
    read: Read | None = None,
) -> list[str]:
    """Let the visitor choose several options, as in `one`.

    If none of the chosen options still exists, `default` applies; an empty selection stays empty. With `read`, a
    visitor can enter other options, which it turns into the form that is returned; a wrong one is reported and dropped.
    The field keeps what was entered: a field that is filled anew forgets what is being typed. What is in the form that
    is returned joins the options, so that `format_option` names it.

    The label is only for screen readers. The chosen options wrap into several lines, since their × is hard to hit in a
    line that scrolls. “Select all” is not offered, so that Enter takes the best match of what was typed.
    """
    chosen = widget_state.choices(name, default)
    requested = (_from_link(name, options, read) or list(chosen.value))[: MAX_ENTERED if read else None]
    refusals = {text: _refusal(text, options, read) for text in requested}
    current().problems.extend(problem for problem in refusals.values() if problem and read)
    valid = [text for text in requested if refusals[text] is None]
    chosen.set_if_changed(valid if valid or not requested else list(default))
    options = [*options, *(text for text in valid if text not in options and read and read(text) == text)]
    st.multiselect(
        label,
        options,
        format_func=format_option,
        key=name,
        label_visibility="collapsed",
        accept_new_options=read is not None,
        select_all=False,
        wrap=True,
        persist_state="session",
    )
    values = [text if text in options or read is None else read(text) for text in chosen.value]
    return _written_to_link(name, list(dict.fromkeys(values)), default)


def _refusal(text: str, options: Sequence[str], read: Read | None) -> str | None:
    """Return why a text is not accepted, or None if it is."""
    if text in options:
        return None
    if read is None:
        return f"Unknown value '{text[:40]}'."
    try:
        read(text)
    except MirrorError as error:
        return str(error)
    return None


def _from_link(name: str, options: Sequence[str], read: Read | None = None) -> list[str]:
    """Return the options that the link asks for, on the first run only; report and drop unknown ones."""
    session = current()
    requested = [_decoded(text) for text in session.linked.pop(name, "").split(",") if text]
    accepted = [text for text in requested if _refusal(text, options, read) is None]
    for text in requested:
        if text not in accepted:
            problem = f"In the link: unknown value '{text[:40]}' for {name}."
            session.problems.append(str(MirrorError(problem, culprit=text, accepted=options)))
    return accepted


def _written_to_link(name: str, chosen: Sequence[str], default: Sequence[str]) -> list[str]:
    """Write the choice into the page's URL unless it is the default, and return it."""
    query_params.write({name: None if list(chosen) == list(default) else ",".join(map(_encoded, chosen))})
    return list(chosen)


def _encoded(text: str) -> str:
    return text.replace("%", "%25").replace(",", "%2C")


def _decoded(text: str) -> str:
    return text.replace("%2C", ",").replace("%25", "%")
