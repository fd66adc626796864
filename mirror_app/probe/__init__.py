"""The only package that uses hooks: it gives each computation a private copy of the model.

A view is a structural copy that shares its weights with the original model. It has modules, flags and hooks of its own,
so nothing done to a view affects the model or another computation.
"""

from mirror_app.probe.attention_calls import SOFTMAX, ScaledDotProduct, undispatched
from mirror_app.probe.autograd_graph import graph_nodes, redirect_dead_relu
from mirror_app.probe.clone import Clone
from mirror_app.probe.costs import Cost, costs
from mirror_app.probe.data_flow import PICTURE, flow
from mirror_app.probe.default_layer import channels_first, default_layer, layout, layout_of
from mirror_app.probe.fingerprint import Structure, fingerprint
from mirror_app.probe.input_type import explain_dtype_errors
from mirror_app.probe.layout import Layout, token_layout
from mirror_app.probe.operations import LINEAR, operand_count, operation_name
from mirror_app.probe.pool import Pool
from mirror_app.probe.rectifiers import Rectifiers, deconvolve, guide
from mirror_app.probe.view import View, require_tensor

__all__ = [
    "LINEAR",
    "PICTURE",
    "SOFTMAX",
    "Clone",
    "Cost",
    "Layout",
    "Pool",
    "Rectifiers",
    "ScaledDotProduct",
    "Structure",
    "View",
    "channels_first",
    "costs",
    "deconvolve",
    "default_layer",
    "explain_dtype_errors",
    "fingerprint",
    "flow",
    "graph_nodes",
    "guide",
    "layout",
    "layout_of",
    "operand_count",
    "operation_name",
    "redirect_dead_relu",
    "require_tensor",
    "token_layout",
    "undispatched",
]
