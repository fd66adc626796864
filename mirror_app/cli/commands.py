"""The implementation of the commands. Importing this module imports PyTorch."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from mirror_app import engine, images, layers, targets
from mirror_app.bundled.examples import examples
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError
from mirror_app.export import animation, package
from mirror_app.images import Picture
from mirror_app.models import Model, catalogue, downloads
from mirror_app.models.device import device
from mirror_app.models.text_encoder import text_target
from mirror_app.params import as_text
from mirror_app.settings.file import use_settings_file
from mirror_app.visualisations import registry

BAR = 30  # characters


def use_settings(path: str | None) -> None:
    """Offer the models of a settings file until the command ends; if `path` is None, MIRROR_SETTINGS names the file."""
    use_settings_file(path)
    click.get_current_context().call_on_close(partial(use_settings_file, None))


def list_visualisations(name: str | None) -> None:
    """Print the list of visualisations, or the description of the one called `name`."""
    if name is None:
        _print_table([(entry.key, entry.summary) for entry in registry.entries()])
        return
    entry = registry.get(name)
    click.echo(f"{entry.name}: {entry.summary}")
    for line in (entry.use and f"When: {entry.use}", entry.avoid and f"When not: {entry.avoid}", entry.paper):
        if line:
            click.echo(line)
    for key, parameter in entry.params.items():
        default = "the most likely class" if parameter.default is None else as_text(parameter.default)
        click.echo(f"\n{key}={default}\n    {parameter.help}\n    Accepted: {parameter.accepts()}.")


def list_models(search: str | None) -> None:
    """Print the names of the models that contain `search`, with the sizes of the downloads that they need."""
    sizes = catalogue.download_sizes()
    names = [name for name in catalogue.names() if search is None or search.lower() in name.lower()]
    if not names:
        raise MirrorError(f"No model's name contains '{search}'.", culprit=str(search), accepted=catalogue.names())
    _print_table([(name, _availability(sizes.get(name))) for name in names])
    click.echo(
        f"\nAppend '{catalogue.UNTRAINED}' to the name of a model of torchvision or timm to use random weights. Other "
        "models of the Hugging Face hub can be named as owner/name."
    )


def _availability(size: int | None) -> str:
    if size is None:
        return "available"
    return f"{size / 2**20:,.0f} MB to download" if size else "to download"


def list_downloads(delete: Sequence[str]) -> None:
    """Print the models that were downloaded and what they take on the disk, or delete those in `delete`."""
    for name in delete:
        freed = downloads.delete(name)
        click.echo(f"Deleted {name}: {freed / 2**20:,.0f} MB.")
    if delete:
        return
    sizes = downloads.sizes()
    rows = [(name, f"{size / 2**20:,.0f} MB") for name, size in sizes.items()]
    _print_table([*rows, (f"{len(sizes)} models", f"{sum(sizes.values()) / 2**20:,.0f} MB")])


def list_layers(model_name: str) -> None:
    """Print the layers of a model, with the shapes of their outputs."""
    rows = []
    for layer in engine.tree(_load(model_name))[1:]:
        shape = layer.call.shape if layer.call else None
        output = " × ".join(map(str, shape)) if shape else "" if layer.call else "never runs"
        rows.append((layer.name, f"{layer.type:20} {output}"))
    _print_table(rows)


def render(
    model: str,
    image: str,
    layer: str | None,
    visualisation: str,
    params: Sequence[tuple[str, str]],
    target: str | None,
    output_kind: str,
    page: int,
    output: Path,
) -> None:
    """Write a picture, its raw values or a film to `output`; a `layer` or `target` of None is the page's default."""
    if not output.parent.is_dir():
        folder = str(output.parent)
        raise MirrorError(f"Cannot write '{output}': there is no folder '{folder}'.", culprit=folder)
    entry, picture = registry.get(visualisation), _picture(image)
    loaded = _load(model).with_output(output_kind)
    if layer is None:
        layer = layers.default_layer(engine.tree(loaded), entry.kind.before_last)
    compared: list[Picture] = []
    texts = dict(params) if target is None else {**dict(params), "target_class": _target(target, loaded, compared)}
    values = {name: entry.parse(name, text) for name, text in texts.items()}
    request = Request(loaded.name, picture.id, layer, entry.key, entry.canonical(values), output_kind)
    model_input_rgb = loaded.preprocessing.model_input_rgb(picture)

    def sheet(result: Result) -> bytes:
        return package.still(request, result.raw, model_input_rgb, page)

    frames: list[bytes] = []
    ending = output.suffix.lower()
    for result in engine.frames(request, loaded, picture, compared):
        _show_progress(entry.name, result.info.progress)
        if ending in animation.FORMATS:
            frames.append(sheet(result))
    match ending:
        case ".npy":
            content = package.npy(result.raw)
        case ".png":
            content = sheet(result)
        case _:
            content = animation.FORMATS[ending].write(frames, entry.name)
    _write(output, content)
    for note in picture.notes:
        click.echo(f"{picture.name}: {note}", err=True)
    if result.info.note:
        click.echo(result.info.note, err=True)


def _target(text: str, model: Model, compared: list[Picture]) -> str:
    """Return a target with numbers and ids instead of names and files; add the pictures to `compared`."""
    numbered = targets.with_numbers(text, model.classes, whole_names=True)
    try:
        target = targets.parse(text_target(numbered) if model.text_encoder else numbered)
    except MirrorError as error:
        raise targets.unknown(text, model.classes) from error
    if target.like:
        pictures = [_picture(name) for name in (target.like, target.unlike) if name]
        compared += pictures
        target = replace(target, like=pictures[0].id, unlike=pictures[1].id if target.unlike else "")
    return str(target)


def _load(name: str) -> Model:
    for step in catalogue.load_with_progress(name, device()):
        if isinstance(step, Model):
            return step
        _show_progress(f"Downloading {name}", step.share)
    raise AssertionError("The last step is the model.")


def _picture(text: str) -> Picture:
    for picture in examples():
        if text in (picture.id, picture.name):
            return picture
    try:
        content = Path(text).read_bytes()
    except OSError as error:
        bundled = [picture.id for picture in examples()]
        raise MirrorError(
            f"Cannot read the picture '{text}' ({error.strerror}). Bundled pictures: {', '.join(bundled)}.",
            culprit=text,
            accepted=bundled,
        ) from error
    return images.decode(content, Path(text).name)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise MirrorError(f"Cannot write '{path}': {error.strerror}.", culprit=str(path)) from error


def _show_progress(task: str, share: float | None) -> None:
    """Draw a progress bar on stderr if that is a terminal."""
    if share is not None and sys.stderr.isatty():
        done = round(share * BAR)
        end = "\n" if share >= 1 else ""
        click.echo(f"\r{task} {'█' * done}{'░' * (BAR - done)} {share:4.0%}{end}", nl=False, err=True)


def _print_table(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:{width}}  {text}".rstrip())
