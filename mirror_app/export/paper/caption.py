"""The text below a figure: what it shows, and how it was computed, in two sentences."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from mirror_app import layers
from mirror_app.engine.request import Request
from mirror_app.export.matrix import BY_TARGET, Axis, Cell
from mirror_app.export.paper.content import WARNING
from mirror_app.params import TARGET, Value, as_text, checked
from mirror_app.visualisations import registry

_PLURALS = {"visualisation": "methods", "input": "inputs", "layer": "layers", "model": "models", BY_TARGET: "targets"}


def caption_of_picture(request: Request, *, model: str, picture: str, target: str = "", note: str = "") -> str:
    """Return the text below the picture of a request.

    Args:
        request: The request.
        model: The name of the model for readers.
        picture: The name of the input.
        target: The explained target in words; "" if the method explains none.
        note: A caution about the picture, which ends the text.

    Returns:
        Two sentences: the method, the input, the layer, the model and the target; then Mirror's version with all
        parameters of the computation, and those parameters of the colours that differ from their defaults.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.paper import caption_of_picture
        >>> request = Request("shapes", "checked-heart", "features.4", "smoothgrad", (("n", 20), ("target_class", 3)))
        >>> text = caption_of_picture(request, model="shapes", picture="checked heart", target="striped ring")
        >>> text.partition(". ")[0]
        'SmoothGrad of the input “checked heart” in the model shapes, for the target “striped ring”'
        >>> "n = 20" in text
        True
    """
    entry = registry.get(request.visualisation)
    values = checked(entry.params, dict(request.params))
    parameters = [_assignment(name, values[name]) for name in values if _is_worth_saying(entry, values, name)]
    subject = f"{entry.name} of the input “{picture}”" if entry.kind.uses_inputs else entry.name
    subject += _where(_layer(request.layer) if entry.kind.uses_layer else "", model)
    return f"{subject}{_for(target)}. {_computation(parameters, request.output)}.{_cautions([note])}"


def caption_of_matrix(
    cells: Sequence[Cell], rows: Axis, columns: Axis, common: Mapping[str, str], target: str = ""
) -> str:
    """Return the text below a matrix of pictures.

    Args:
        cells: The cells.
        rows: The rows.
        columns: The columns.
        common: The names of what all cells have in common, by the fields of a request.
        target: The target that all cells explain, in words; "" if each has its own.

    Returns:
        Two sentences: what the pictures have in common, and what the rows and columns are; then Mirror's version with
        the parameters that differ from their defaults, and which pictures share a scale of colours. The notes of the
        cells follow, each of them once.

    Example:
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.matrix import Axis, Cell
        >>> from mirror_app.export.paper import caption_of_matrix
        >>> cells = [Cell(0, 0, Request("shapes", "checked-heart", "features.4", "grad-cam"))]
        >>> rows, columns = Axis("layer", ("features.4",), ("features.4",)), Axis("input", ("checked-heart",), ("a",))
        >>> caption_of_matrix(cells, rows, columns, {"visualisation": "Grad-CAM", "model": "shapes"}).partition(". ")[0]
        'Grad-CAM in the model shapes for several layers (rows) and inputs (columns)'
    """
    subject = common.get("visualisation", "Visualisations")
    if "input" in common:
        subject += f" of the input “{common['input']}”"
    subject += _where(_layer(common.get("layer", "")), common.get("model", ""))
    axes = [f"{_PLURALS.get(axis.field, axis.field)} ({name})" for axis, name in ((rows, "rows"), (columns, "columns"))]
    subject += f"{_for(target)} for several {' and '.join(axes)}"
    requests = [cell.request for cell in cells]
    outputs = {request.output for request in requests}
    output = outputs.pop() if len(outputs) == 1 else ""
    parameters = list(dict.fromkeys(_changed(requests)))
    scale = f"with one colour scale for {scale_extent(cells)}"
    return f"{subject}. {_computation(parameters, output)}, {scale}.{_cautions([cell.note for cell in cells])}"


def scale_extent(cells: Sequence[Cell]) -> str:
    """Return which pictures of a matrix share a scale of colours: “all pictures”, “each row” or “each picture”."""
    scales = [(cell.row, cell.vmax) for cell in cells if cell.picture is not None]
    if any(vmax is None for _, vmax in scales) or not scales:
        return "each picture"
    if len({vmax for _, vmax in scales}) == 1:
        return "all pictures"
    return "each row" if len(set(scales)) == len({row for row, _ in scales}) else "each picture"


def _is_worth_saying(entry: registry.Entry, values: Mapping[str, Value], name: str) -> bool:
    """Return whether readers need a parameter: one of the computation that is in use, or one that was changed."""
    parameter, value = entry.params[name], values[name]
    if name == TARGET or (parameter.when and values[str(parameter.when[0])] not in parameter.when[1:]):
        return False
    is_off = value is False or value in ("", None)
    return value != parameter.default or (name in entry.method_params and not is_off)


def _changed(requests: Sequence[Request]) -> Iterator[str]:
    """Yield the parameters that differ from their defaults, with the method's name if there are several methods."""
    methods = {request.visualisation for request in requests}
    for request in requests:
        entry = registry.get(request.visualisation)
        for name, value in request.params:
            if name != TARGET:
                yield _assignment(name, value) + (f" for {entry.name}" if len(methods) > 1 else "")


def _computation(parameters: Sequence[str], output: str) -> str:
    """Return the end of a caption: Mirror's version, and the parameters."""
    reading = [f"the output read as {output}"] if output else []
    settings = f" ({', '.join([*parameters, *reading])})" if parameters or reading else ""
    return f"Computed with Mirror {version('mirror-app')}{settings or ' and default parameters'}"


def _assignment(name: str, value: Value) -> str:
    text = f"{value:g}" if isinstance(value, float) else as_text(value)
    return f"{name.replace('_', ' ')} = {text or 'none'}"


def _where(layer: str, model: str) -> str:
    if layer and model:
        return f" at {layer} of the model {model}"
    return f" in the model {model}" if model else f" at {layer}" if layer else ""


def _cautions(notes: Sequence[str]) -> str:
    """Return the notes, each of them once, after the sign that marks their pictures."""
    texts = dict.fromkeys(note for note in notes if note)
    return f" {WARNING} {' '.join(texts)}" if texts else ""


def _layer(name: str) -> str:
    return "every stage" if name in (layers.EVERY, "every stage") else f"layer {name}" if name else ""


def _for(target: str) -> str:
    return f", for the target “{target}”" if target else ""
