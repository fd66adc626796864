"""One of the model's answers: its name on a button that explains it, its probability, and a question about it."""

from dataclasses import dataclass

import streamlit as st

from mirror_app import targets
from mirror_app.ui.common import picking
from mirror_app.ui.common.page_parts import literal
from mirror_app.visualisations.registry import Entry


@dataclass(frozen=True)
class Answer:
    """An answer.

    Args:
        key: The end of the keys of its buttons.
        name: Its name, such as that of a class.
        target: The target that explains it.
        text: Its name and value.
        probability: Its probability; None if it has none.
    """

    key: str
    name: str
    target: int | str
    text: str
    probability: float | None = None


def show(answer: Answer, entry: Entry | None, first: Answer | None) -> None:
    """Show an answer; `entry` explains it, or the difference from the answer `first`, unless that is None."""
    with st.container(gap=None):
        with st.container(key=f"answer-{answer.key}", horizontal=True, gap="small"):
            st.button(
                literal(answer.text),
                key=f"ask-{answer.key}",
                type="tertiary",
                width="stretch",
                help="Show the evidence for it.",
                on_click=picking.choose_target,
                args=(entry, answer.target),
                disabled=entry is None,
            )
            if first is not None:
                st.button(
                    "Why not this one?",
                    key=f"why-not-{answer.key}",
                    type="tertiary",
                    help=f"Show what speaks for {literal(first.name)} rather than {literal(answer.name)}.",
                    on_click=picking.choose_target,
                    args=(entry, f"{first.target}{targets.MINUS}{answer.target}"),
                    disabled=entry is None,
                )
        if answer.probability is not None:
            st.progress(min(max(answer.probability, 0.0), 1.0))
