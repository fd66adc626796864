"""Attention: what the heads read, and what follows from it for the whole model."""

# ruff: noqa: I001 - in the order of the page
from mirror_app.visualisations.core.attention.attention import Attention
from mirror_app.visualisations.core.attention.rollout import AttentionRollout
from mirror_app.visualisations.core.attention.legrad import LeGrad
from mirror_app.visualisations.core.attention.attention_relevance import AttentionRelevance

__all__ = ["Attention", "AttentionRelevance", "AttentionRollout", "LeGrad"]
