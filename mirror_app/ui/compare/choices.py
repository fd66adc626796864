"""Choices of one page, such as the rows of a comparison.

They are remembered while the visitor is on other pages, and are part of the link.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from mirror_app.errors import MirrorError
from mirror_app.ui.state import query_params, widget_state
from mirror_app.ui.state.session import current

Format = Callable[[str], str]


def one(name: str, label: str, options: Sequence[str], help_text: str, format_option: Format = str) -> str:
    """Let the visitor choose one of a few options; the first is the default.

    `name`, such as “compare.rows”, starts with the page's name. Both the widget's key and the links use this name.
    """
    chosen = widget_state.choice(name)
    requested = _from_link(name, options) or [chosen.value]
    chosen.set_if_changed(requested[0] if requested[0] in options else options[0])
    st.segmented_control(
        label, options, format_func=format_option, required=True, key=name, help=help_text, persist_state="session"
    )
    return _written_to_link(name, [chosen.value], options[:1])[0]


def several(
    name: str, label: str, options: Sequence[str], default: Sequence[str], format_option: Format = str
) -> list[str]:
    """Let the visitor choose several options, as in `one`.

    If none of the chosen options still exists, `default` applies; an empty selection stays empty. The label is only for
    screen readers. The chosen options wrap into several lines, since their × is hard to hit in a line that scrolls.
    “Select all” is not offered, so that Enter takes the best match of what was typed.
    """
    chosen = widget_state.choices(name, default)
    requested = _from_link(name, options) or chosen.value
    valid = [option for option in requested if option in options]
    chosen.set_if_changed(valid if valid or not requested else list(default))
    st.multiselect(
        label,
        options,
        format_func=format_option,
        key=name,
        label_visibility="collapsed",
        select_all=False,
        wrap=True,
        persist_state="session",
    )
    return _written_to_link(name, chosen.value, default)


def _from_link(name: str, options: Sequence[str]) -> list[str]:
    """Return the options that the link asks for, on the first run only; report and drop unknown ones."""
    session = current()
    requested = [text for text in session.linked.pop(name, "").split(",") if text]
    for text in requested:
        if text not in options:
            problem = f"In the link: unknown value '{text[:40]}' for {name}."
            session.problems.append(str(MirrorError(problem, culprit=text, accepted=options)))
    return [text for text in requested if text in options]


def _written_to_link(name: str, chosen: Sequence[str], default: Sequence[str]) -> list[str]:
    """Write the choice into the page's URL unless it is the default, and return it."""
    query_params.write({name: None if list(chosen) == list(default) else ",".join(chosen)})
    return list(chosen)
