"""The errors for a target that does not exist in an output, and for an output without an obvious target."""

from typing import Any

from mirror_app.errors import MirrorError
from mirror_app.probe.outputs import describe_output, format_shape, is_list_of_dicts, named_tensors
from mirror_app.targets import Target


def missing_target_error(target: Target, available: str) -> MirrorError:
    """Return the error that `target` does not exist; `available` says which targets exist."""
    problem = f"The target '{target}' does not exist: {available}."
    return MirrorError(problem, culprit=str(target), accepted=available)


def missing_position_error(target: Target, sides: tuple[int, ...]) -> MirrorError:
    """Return the error that the target's position does not exist in a map of that shape."""
    return missing_target_error(target, _positions(sides))


def ambiguous_output_error(output: Any) -> MirrorError:
    """Return the error for an output that has several tensors or contains no real numbers.

    For several tensors, the hint of the error suggests a target.
    """
    is_listed = is_list_of_dicts(output)
    leaves = named_tensors(output[0] if is_listed else output)
    floats = [(name, part) for name, part in leaves if part.is_floating_point() and part.numel()]
    if not floats:
        accepted = "a tensor of real numbers"
        description = describe_output(output) if leaves else f"a {type(output).__name__} without a tensor"
        problem = f"The model returns {description}; a target needs {accepted}."
        return MirrorError(problem, culprit=description, accepted=accepted)
    name, part = min(floats, key=lambda leaf: leaf[1].ndim)
    axes = part.ndim - (1 if is_listed else 2)  # in a list with one item per picture, tensors have no batch axis
    position = f"@{','.join('0' * axes)}" if axes > 0 else ""
    description = describe_output(output)
    return MirrorError(
        f"The model returns several tensors ({description})",
        culprit=description,
        hint=f"choose one number with a target such as ':{name}:0{position}'",
    )


def _positions(sides: tuple[int, ...]) -> str:
    """Return in words which positions a map of that shape has."""
    match sides:
        case ():
            return "its layer has no positions"
        case (length,):
            return f"positions run from 0 to {length - 1}"
        case (height, width):
            if height == width:
                return f"the map is {height} × {width}, and rows and columns run from 0 to {width - 1}"
            return f"the map is {height} × {width}: rows run from 0 to {height - 1}, columns from 0 to {width - 1}"
        case _:
            return f"the map is {format_shape(sides)}"


def unresolved_error(target: Target) -> MirrorError:
    """Return the error for a text or a picture in a target of which only the name is given, not the embedding."""
    noun = "text" if target.text else "picture"
    return MirrorError(
        f"The target '{target}' names a {noun}, but not its embedding",
        culprit=str(target),
        accepted="a Similarity",
        hint="give `target_class=Similarity(…)` with the embedding, or run a Request",
    )
