"""The command line, `python -m mirror_app`: the requests of the page, without a browser.

Exit codes: 0; 1 where it cannot be done, and one sentence says why; 2 for what cannot be read; 130 for Ctrl+C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mirror_app import engine, images, layers
from mirror_app.bundled.examples import examples
from mirror_app.engine import Result
from mirror_app.engine.request import Request
from mirror_app.errors import MirrorError, nearest
from mirror_app.export import animation, package
from mirror_app.images import Picture
from mirror_app.models import Model, catalogue
from mirror_app.models.device import device
from mirror_app.params import Value, as_text
from mirror_app.probe.output_kind import OutputKind
from mirror_app.visualisations import registry

BAR = 30  # characters


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command says and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.settings:
        os.environ["MIRROR_SETTINGS"] = options.settings
    try:
        options.command(options)
        sys.stdout.flush()
    except MirrorError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m mirror_app", description="Look inside PyTorch image models.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, work: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(command=work)
        added.add_argument("--settings", metavar="FILE", help="the file in which the owner names models")
        return added

    listed = command("list", _list, "The visualisations, or the parameters of one.")
    listed.add_argument("visualisation", nargs="?")
    command("models", _models, "The models that there are.")
    command("layers", _layers, "The layers of a model, in the order in which they run.").add_argument("model")
    render = command(
        "render", _render, "Write a picture as the page shows it, its raw numbers, or its frames as a film."
    )
    render.add_argument("--model", default=catalogue.BUNDLED, help="a model's name (%(default)s)")
    render.add_argument(
        "--image", default=examples()[0].id, help="a file, or the name of a bundled picture (%(default)s)"
    )
    render.add_argument("--layer", help="a dotted name; without it, where the page begins")
    render.add_argument("--visualisation", default="grad-cam", help="its name (%(default)s)")
    render.add_argument("--param", action="append", type=_pair, default=[], metavar="NAME=VALUE", help="as in a link")
    render.add_argument("--target", help="the class, by its number or its name; without it, the most likely one")
    render.add_argument(
        "--output-kind", default="", metavar="KIND", help=f"what the model's numbers are: {', '.join(OutputKind)}"
    )
    render.add_argument("--page", type=int, default=1, help=f"of a sheet of more than {engine.PAGE} images")
    render.add_argument(
        "--output", type=_output, required=True, metavar="FILE", help=".png, .npy (raw), .gif or .mp4 (frames)"
    )
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is no NAME=VALUE")
    return name, value


def _output(text: str) -> Path:
    path = Path(text)
    accepted = (".png", ".npy", *animation.FORMATS)
    if path.suffix.lower() not in accepted:
        raise argparse.ArgumentTypeError(f"'{text}' ends in none of {', '.join(accepted)}")
    return path


def _list(options: argparse.Namespace) -> None:
    if options.visualisation is None:
        _table([(entry.key, entry.summary) for entry in registry.entries()])
        return
    entry = registry.get(options.visualisation)
    print(f"{entry.name}: {entry.summary}")
    for line in (entry.use and f"When: {entry.use}", entry.avoid and f"When not: {entry.avoid}", entry.paper):
        if line:
            print(line)
    for name, parameter in entry.params.items():
        default = "the most likely class" if parameter.default is None else as_text(parameter.default)
        print(f"\n{name}={default}\n    {parameter.help}\n    Accepted: {parameter.accepts()}.")


def _models(options: argparse.Namespace) -> None:
    sizes = catalogue.download_sizes()
    rows = [
        (name, f"{sizes[name] / 2**20:,.0f} MB to fetch" if name in sizes else "here") for name in catalogue.names()
    ]
    _table(rows)
    print(f"\nThose of torchvision, untrained: their name with '{catalogue.UNTRAINED}' after it.")


def _layers(options: argparse.Namespace) -> None:
    rows = []
    for layer in engine.tree(_model(options.model))[1:]:
        shape = layer.call.shape if layer.call else None
        gives = " × ".join(map(str, shape)) if shape else "" if layer.call else "never runs"
        rows.append((layer.name, f"{layer.type:20} {gives}"))
    _table(rows)


def _render(options: argparse.Namespace) -> None:
    if not options.output.parent.is_dir():
        raise MirrorError(f"There is no folder '{options.output.parent}' to write '{options.output.name}' into.")
    entry, picture = registry.get(options.visualisation), _picture(options.image)
    model = _model(options.model).with_output(options.output_kind)
    layer = options.layer
    if layer is None:
        layer = layers.default_layer(engine.tree(model), entry.kind.before_last)
    values = _values(entry, model, options)
    request = Request(model.name, picture.id, layer, entry.key, entry.canonical(values), options.output_kind)
    model_input_rgb = model.preprocessing.model_input_rgb(picture)

    def sheet(result: Result) -> bytes:
        return package.still(request, result.raw, model_input_rgb, options.page)

    kept: list[bytes] = []
    for result in engine.frames(request, model, picture):
        _show(entry.name, result.info.get("progress"))
        if options.output.suffix.lower() in animation.FORMATS:
            kept.append(sheet(result))
    match options.output.suffix.lower():
        case ".npy":
            content = package.npy(result.raw)
        case ".png":
            content = sheet(result)
        case ending:
            content = animation.FORMATS[ending].write(kept, entry.name)
    _write(options.output, content)
    for note in picture.notes:
        print(f"{picture.name}: {note}", file=sys.stderr)
    if result.info.get("note"):
        print(result.info["note"], file=sys.stderr)


def _values(entry: registry.Entry, model: Model, options: argparse.Namespace) -> dict[str, Value]:
    given = dict(options.param)
    if options.target is not None:
        classes = model.classes
        given["target_class"] = str(classes.index(options.target)) if options.target in classes else options.target
    return {name: entry.parse(name, text) for name, text in given.items()}


def _model(name: str) -> Model:
    for found in catalogue.load_with_progress(name, device()):
        if isinstance(found, Model):
            return found
        _show(f"Fetching {name}", found.share)
    raise AssertionError("A model comes at the end.")


def _picture(text: str) -> Picture:
    for picture in examples():
        if text in (picture.id, picture.name):
            return picture
    try:
        content = Path(text).read_bytes()
    except OSError as error:
        bundled = [picture.id for picture in examples()]
        raise MirrorError(
            f"The picture '{text}' cannot be read ({error.strerror}), nor is it one of {', '.join(bundled)}."
            f"{nearest(text, bundled)}"
        ) from error
    return images.decode(content, Path(text).name)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise MirrorError(f"'{path}' cannot be written: {error.strerror}.") from error


def _show(what: str, share: float | None) -> None:
    """Draw how far the work is on the terminal, if it is one."""
    if share is not None and sys.stderr.isatty():
        done = round(share * BAR)
        end = "\n" if share >= 1 else ""
        print(f"\r{what} {'█' * done}{'░' * (BAR - done)} {share:4.0%}", end=end, file=sys.stderr, flush=True)


def _table(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:{width}}  {text}".rstrip())
