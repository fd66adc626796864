"""Names for the nodes of an autograd graph, and which of them are linear."""

import re

from torch.autograd.graph import Node

# What is linear in its one answer, or picks among its numbers. Products and quotients of two answers have other names.
LINEAR = frozenset(
    "torch::autograd::AccumulateGrad BackwardHookFunction Add Sub Neg Mul Div Sum Mean "
    "MaxPool2DWithIndices AdaptiveMaxPool2D AvgPool2D AdaptiveAvgPool2D Amax Max "
    "UpsampleBilinear2D UpsampleNearest2D ConstantPadNd ReflectionPad2D ReplicationPad2D "
    "Cat Stack Split SplitWithSizes Unbind Select Slice Index Narrow View UnsafeView Reshape ReshapeAlias AsStrided "
    "Permute Transpose T Squeeze Unsqueeze Expand Repeat Flip Roll PixelShuffle Clone Alias ToCopy".split()
)


def operation_name(node: Node) -> str:
    """Return what a node of the graph does, in a word or a few."""
    name = re.sub(r"Backward\d*$", "", node.name())
    factors = [parent for parent, _ in node.next_functions if parent is not None]
    if name == "Mul" and len(factors) > 1:
        return "a product of two answers"
    if name == "Div" and (len(factors) > 1 or node.next_functions[0][0] is None):
        return "a division by an answer"
    return name
