"""Python code that calls the method of a request on tensors, as in a notebook."""

import sys
from collections.abc import Mapping, Sequence

from mirror_app.engine.request import Request
from mirror_app.export.snippet import picture_code
from mirror_app.images import Picture
from mirror_app.models import Model
from mirror_app.probe.output_kind import OutputKind
from mirror_app.visualisations import core, registry


def call_snippet(request: Request, model: Model, picture: Picture, file: str | None) -> str:
    """Return about ten lines of Python code that compute the raw numbers of a request and save the images.

    Args:
        request: The request.
        model: The model of the request, as `load` returns it.
        picture: The picture, one of the bundled examples if `file` is None.
        file: The name of the file from which the code reads an uploaded picture.

    Returns:
        The code; "" if the method is not a class that can be imported.

    Example:
        >>> from mirror_app.bundled.examples import examples
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.call_snippet import call_snippet
        >>> from mirror_app.models import catalogue
        >>> model, picture = catalogue.load("shapes"), examples()[0]
        >>> print(call_snippet(Request("shapes", picture.id, "features", "grad-cam"), model, picture, None))
        from torchvision.utils import save_image
        <BLANKLINE>
        from mirror_app import GradCam, examples, load
        <BLANKLINE>
        model = load('shapes')
        picture = next(picture for picture in examples() if picture.id == 'checked-heart')
        inputs = model.inputs(picture)  # a tensor (1, C, H, W), normalised as the model expects
        mean, std = model.preprocessing.scale(picture)
        <BLANKLINE>
        method = GradCam(model.module, mean=mean, std=std)
        images, info = method(inputs, 'features')
        save_image(images, 'grad-cam.png')
        raw = info["raw"]  # the numbers before any colour
        <BLANKLINE>
    """
    source, name = _class_of(request)
    if not source:
        return ""
    prepared = "model.inputs(picture)"
    if model.extra_inputs_of(picture):
        prepared = f"({prepared}, *model.extra_inputs_of(picture))"
    lines = [
        f"model = load({request.model!r})",
        f"picture = {picture_code(picture, file)}",
        f"inputs = {prepared}  # a tensor (1, C, H, W), normalised as the model expects",
        "mean, std = model.preprocessing.scale(picture)",
        "",
        *_call(request, model, "model.module", "mean=mean, std=std"),
    ]
    imports = {source: [name]} | {
        _LIBRARY: [*([name] if source == _LIBRARY else []), "decode" if file else "examples", "load"]
    }
    return _joined(imports, lines, file)


def live_call_snippet(request: Request, model: Model, picture: Picture, file: str | None) -> str:
    """Return code as `call_snippet` does, for a model that `mirror()` shows.

    Args:
        request: The request.
        model: The model that `mirror()` shows.
        picture: The picture.
        file: The name of the file from which the code reads a picture that was uploaded; None for other pictures.

    Returns:
        The code. It takes the model, and an input that was passed to `mirror()`, from variables of the program. It is
        "" if the method is not a class that can be imported.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from mirror_app.engine.request import Request
        >>> from mirror_app.export.call_snippet import live_call_snippet
        >>> from mirror_app.images import Preprocessing, from_tensor
        >>> from mirror_app.models import Model
        >>> preprocessing = Preprocessing(size=8, resize=8, mean=(0.5,) * 3, std=(0.25,) * 3)
        >>> picture = from_tensor(torch.full((3, 8, 8), -1.0), "input 1", preprocessing)
        >>> model = Model("Net@a1b2c3", nn.Conv2d(3, 4, 3), preprocessing, ())
        >>> print(live_call_snippet(Request(model.name, picture.id, "", "activations"), model, picture, None))
        from torchvision.utils import save_image
        <BLANKLINE>
        from mirror_app import Activations
        <BLANKLINE>
        # `model` is the nn.Module that you passed to mirror(),
        # and `inputs` is input 1 as a batch of one, (1, C, H, W).
        method = Activations(model, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        images, info = method(inputs, '')
        save_image(images, 'activations.png', nrow=8)
        raw = info["raw"]  # the numbers before any colour
        <BLANKLINE>
    """
    source, name = _class_of(request)
    if not source:
        return ""
    imports, own = {source: [name]}, "`model` is the nn.Module that you passed to mirror()"
    if picture.exact is not None:
        others = " in a tuple with the other inputs" if model.extra_inputs_of(picture) else ""
        lines = [f"# {own},", f"# and `inputs` is {picture.name} as a batch of one, (1, C, H, W){others}."]
    else:
        imports["mirror_app.images"] = ["Preprocessing", "decode" if file else "from_image"]
        lines = [f"# {own}.", f"preprocessing = {model.preprocessing!r}"]
        if not file:
            lines[0] = f"# {own}, and `image` the Pillow image {picture.name}."
        read = picture_code(picture, file) if file else f"from_image(image, {picture.name!r})"
        lines += [f"inputs = preprocessing.prepare({read})"]
    mean, std = model.preprocessing.scale(picture)
    return _joined(imports, [*lines, *_call(request, model, "model", f"mean={mean}, std={std}")], file)


_LIBRARY = "mirror_app"


def _class_of(request: Request) -> tuple[str, str]:
    """Return the module and the name by which a request's method is imported; "" as the module if it cannot be."""
    kind = registry.get(request.visualisation).kind
    if getattr(core, kind.__name__, None) is kind:
        return _LIBRARY, kind.__name__
    module = sys.modules.get(kind.__module__)
    return kind.__module__ if getattr(module, kind.__name__, None) is kind else "", kind.__name__


def _joined(imports: Mapping[str, Sequence[str]], lines: Sequence[str], file: str | None) -> str:
    """Return code that starts with imports: Path if a file is read, `save_image`, and `imports` by their modules."""
    start = ["from pathlib import Path", ""] if file else []
    start += ["from torchvision.utils import save_image", ""]
    for module, names in imports.items():
        start += [f"from {module} import {', '.join(sorted(names, key=lambda one: (one.islower(), one)))}"]
    return "\n".join([*start, "", *lines, ""])


def _call(request: Request, model: Model, module: str, scale: str) -> list[str]:
    """Return the lines that call the method and save its images."""
    entry = registry.get(request.visualisation)
    kind = request.output or (model.output.kind.value if model.output else "")
    output = "" if kind in ("", OutputKind.CLASSES) else f", output={kind!r}"
    layer = [repr(request.layer)] if entry.kind.uses_layer else []
    arguments = ["inputs", *layer, *(f"{name}={value!r}" for name, value in request.params)]
    columns = ", nrow=8" if entry.kind.image_per_channel else ""
    return [
        f"method = {entry.kind.__name__}({module}, {scale}{output})",
        f"images, info = method({', '.join(arguments)})",
        f"save_image(images, {f'{entry.key}.png'!r}{columns})",
        'raw = info["raw"]  # the numbers before any colour',
    ]
