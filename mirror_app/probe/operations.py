"""Names of autograd graph nodes, and which of them are linear."""

import re

from torch.autograd.graph import Node

# Operations that are linear in their only operand, or that select some of its values. They do not include products and
# quotients of two activations, to which `operation_name` gives other names.
LINEAR = frozenset(
    "torch::autograd::AccumulateGrad BackwardHookFunction Add Sub Neg Mul Div Sum Mean "
    "MaxPool2DWithIndices AdaptiveMaxPool2D AvgPool2D AdaptiveAvgPool2D Amax Max "
    "UpsampleBilinear2D UpsampleNearest2D ConstantPadNd ReflectionPad2D ReplicationPad2D "
    "Cat Stack Split SplitWithSizes Unbind Select Slice Index Narrow View UnsafeView Reshape ReshapeAlias AsStrided "
    "Permute Transpose T Squeeze Unsqueeze Expand Repeat Flip Roll PixelShuffle Clone Alias ToCopy".split()
)


def operand_count(node: Node) -> int:
    """Return how many of the operands of a graph node have a gradient."""
    return sum(parent is not None for parent, _ in node.next_functions)


def operation_name(node: Node) -> str:
    """Return the operation of a graph node in one or a few words."""
    name = re.sub(r"Backward\d*$", "", node.name())
    if name == "Mul" and operand_count(node) > 1:
        return "a product of two activations"
    if name == "Div" and (operand_count(node) > 1 or node.next_functions[0][0] is None):
        return "a division by an activation"
    return name
