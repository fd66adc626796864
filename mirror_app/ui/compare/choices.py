"""What is chosen on one page only, such as the rows of a comparison: kept between pages, a part of the link."""

from collections.abc import Callable, Sequence

import streamlit as st

from mirror_app.errors import nearest
from mirror_app.ui.state import query_params
from mirror_app.ui.state.session import current, set_if_changed

Shown = Callable[[str], str]


def one(name: str, label: str, options: Sequence[str], why: str, shown: Shown = str) -> str:
    """Let the visitor choose one of a few, the first where nothing was said.

    `name`, such as “compare.rows”, begins with the page's and is what a link calls it.
    """
    chosen = _arriving(name, options) or [st.session_state.get(name, "")]
    set_if_changed(name, chosen[0] if chosen[0] in options else options[0])
    st.segmented_control(label, options, format_func=shown, required=True, key=name, help=why, persist_state="session")
    return _told(name, [st.session_state[name]], options[:1])[0]


def several(name: str, label: str, options: Sequence[str], default: Sequence[str], shown: Shown = str) -> list[str]:
    """Let the visitor choose some, `default` where nothing was said or nothing of it is left; else as `one`.

    The label is heard only. What is chosen stands in lines below each other, since × is hard to hit in a line that
    scrolls; Enter takes the best match of what is typed, since “Select all” is not offered.
    """
    chosen = _arriving(name, options) or st.session_state.get(name, default)
    left = [option for option in chosen if option in options]
    set_if_changed(name, left if left or not chosen else list(default))
    st.multiselect(
        label,
        options,
        format_func=shown,
        key=name,
        label_visibility="collapsed",
        select_all=False,
        wrap=True,
        persist_state="session",
    )
    return _told(name, st.session_state[name], default)


def _arriving(name: str, options: Sequence[str]) -> list[str]:
    """Return what the link asked for, once; what is not among the options is said and left out."""
    session = current()
    asked = [text for text in session.linked.pop(name, "").split(",") if text]
    for text in asked:
        if text not in options:
            session.problems.append(f"In the link: {name} cannot be '{text[:40]}'.{nearest(text, options)}")
    return [text for text in asked if text in options]


def _told(name: str, chosen: Sequence[str], default: Sequence[str]) -> list[str]:
    """Write what was chosen into the address, where it is not the default."""
    query_params.write({name: None if list(chosen) == list(default) else ",".join(chosen)})
    return list(chosen)
