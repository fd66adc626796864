"""The command line, `python -m mirror_app`: the same requests as on the page, without a browser.

Exit codes: 0 for success; 1 for an error, whose message goes to stderr; 2 for wrong arguments; 130 for Ctrl+C.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mirror_app import engine, images, layers, targets
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
    """Run a command.

    Args:
        arguments: The words of the command; by default, those that the program was started with.

    Returns:
        The exit code: 0, or 1 after an error, whose message goes to stderr.

    Raises:
        SystemExit: With code 2, if the arguments are wrong.

    Example:
        >>> from mirror_app.cli import main
        >>> main(["list", "rise"])  # doctest: +ELLIPSIS
        RISE: ...
        0
    """
    options = _parser().parse_args(arguments)
    if options.settings:
        os.environ["MIRROR_SETTINGS"] = options.settings
    try:
        options.command(options)
        sys.stdout.flush()
    except MirrorError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m mirror_app", description="Look inside PyTorch image models.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, work: Callable[[argparse.Namespace], None], summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary)
        added.set_defaults(command=work)
        added.add_argument("--settings", metavar="FILE", help="a file with the models to offer")
        return added

    list_parser = command("list", _list, "List the visualisations, or the parameters of one.")
    list_parser.add_argument("visualisation", nargs="?", help="list the parameters of this one")
    command("models", _models, "List the available models.")
    layers_parser = command("layers", _layers, "List the layers of a model in the order they run.")
    layers_parser.add_argument("model", help="a model's name")
    render = command(
        "render", _render, "Write the picture that the page shows, its raw values, or its frames as a film."
    )
    render.add_argument("--model", default=catalogue.BUNDLED, help="a model's name (default: %(default)s)")
    render.add_argument(
        "--image", default=examples()[0].id, help="a file, or the name of a bundled picture (default: %(default)s)"
    )
    render.add_argument("--layer", help="a layer's dotted name (default: the page's default layer)")
    render.add_argument("--visualisation", default="grad-cam", help="a visualisation's name (default: %(default)s)")
    render.add_argument(
        "--param", action="append", type=_pair, default=[], metavar="NAME=VALUE", help="a parameter; may be repeated"
    )
    render.add_argument(
        "--target",
        help="a class name, a class number, or a target such as features.8:3 (default: the most likely class)",
    )
    render.add_argument(
        "--output-kind", default="", metavar="KIND", help=f"the kind of the model's output: {', '.join(OutputKind)}"
    )
    render.add_argument(
        "--page",
        type=int,
        default=1,
        help=f"the page of a contact sheet, with {engine.PAGE} images each (default: %(default)s)",
    )
    render.add_argument(
        "--output",
        type=_output,
        required=True,
        metavar="FILE",
        help="a .png (picture), .npy (raw values), .gif or .mp4 (frames) file",
    )
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form NAME=VALUE")
    return name, value


def _output(text: str) -> Path:
    path = Path(text)
    accepted = (".png", ".npy", *animation.FORMATS)
    if path.suffix.lower() not in accepted:
        raise argparse.ArgumentTypeError(f"'{text}' must end in one of {', '.join(accepted)}")
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
        (name, f"{sizes[name] / 2**20:,.0f} MB to download" if name in sizes else "available")
        for name in catalogue.names()
    ]
    _table(rows)
    print(f"\nAppend '{catalogue.UNTRAINED}' to the name of a torchvision model to use random weights.")


def _layers(options: argparse.Namespace) -> None:
    rows = []
    for layer in engine.tree(_model(options.model))[1:]:
        shape = layer.call.shape if layer.call else None
        output = " × ".join(map(str, shape)) if shape else "" if layer.call else "never runs"
        rows.append((layer.name, f"{layer.type:20} {output}"))
    _table(rows)


def _render(options: argparse.Namespace) -> None:
    if not options.output.parent.is_dir():
        raise MirrorError(f"Cannot write '{options.output}': there is no folder '{options.output.parent}'.")
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

    frames: list[bytes] = []
    for result in engine.frames(request, model, picture):
        _show_progress(entry.name, result.info.get("progress"))
        if options.output.suffix.lower() in animation.FORMATS:
            frames.append(sheet(result))
    match options.output.suffix.lower():
        case ".npy":
            content = package.npy(result.raw)
        case ".png":
            content = sheet(result)
        case ending:
            content = animation.FORMATS[ending].write(frames, entry.name)
    _write(options.output, content)
    for note in picture.notes:
        print(f"{picture.name}: {note}", file=sys.stderr)
    if result.info.get("note"):
        print(result.info["note"], file=sys.stderr)


def _values(entry: registry.Entry, model: Model, options: argparse.Namespace) -> dict[str, Value]:
    texts = dict(options.param)
    if options.target is not None:
        texts["target_class"] = _target(options.target, model.classes)
    return {name: entry.parse(name, text) for name, text in texts.items()}


def _target(text: str, classes: Sequence[str]) -> str:
    if text in classes:
        return str(classes.index(text))
    try:
        return str(targets.parse(text))
    except MirrorError as error:
        raise targets.unknown(text, classes) from error


def _model(name: str) -> Model:
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
            f"Cannot read the picture '{text}' ({error.strerror}). Bundled pictures: {', '.join(bundled)}."
            f"{nearest(text, bundled)}"
        ) from error
    return images.decode(content, Path(text).name)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise MirrorError(f"Cannot write '{path}': {error.strerror}.") from error


def _show_progress(task: str, share: float | None) -> None:
    """Draw a progress bar on stderr if that is a terminal."""
    if share is not None and sys.stderr.isatty():
        done = round(share * BAR)
        end = "\n" if share >= 1 else ""
        print(f"\r{task} {'█' * done}{'░' * (BAR - done)} {share:4.0%}", end=end, file=sys.stderr, flush=True)


def _table(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:{width}}  {text}".rstrip())
