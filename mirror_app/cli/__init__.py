"""The command line, `mirror` or `python -m mirror_app`: the dashboard, and its pictures without a browser.

Exit codes: 0 for success; 1 for an error, whose message goes to stderr; 2 for wrong arguments; 130 for Ctrl+C.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from mirror_app import dashboard
from mirror_app.cli.param_types import NameValue, OutputFile
from mirror_app.errors import MirrorError

# The commands are implemented in `mirror_app.cli.commands`, which takes seconds to import, since it imports PyTorch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words of the command; by default, the program's own arguments.

    Returns:
        The exit code: 0, 1 after an error, whose message goes to stderr, or 130 after Ctrl+C.

    Raises:
        SystemExit: With code 2, if the arguments are wrong.

    Example:
        >>> from mirror_app.cli import main
        >>> main(["list", "rise"])  # doctest: +ELLIPSIS
        RISE: ...
        0
    """
    try:
        return mirror.main(arguments, standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from error


class _Commands(click.Group):
    """The commands, with Mirror's exit codes. Without a command, the dashboard is started."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_completion = ctx.resilient_parsing
        return super().parse_args(ctx, args if args or is_completion else ["serve"])

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except MirrorError as error:
            click.echo(error, err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(130)
        except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def mirror() -> None:
    """Look inside PyTorch image models.

    Without a command, `mirror` starts the dashboard, as `mirror serve` does.
    """


_settings = click.option("--settings", type=click.Path(), metavar="FILE", help="A file with the models to offer.")


@mirror.command()
@click.option(
    "--address",
    default=dashboard.THIS_MACHINE[0],
    envvar=dashboard.ADDRESS_VARIABLE,
    show_default=True,
    help="The address to listen on; 0.0.0.0 lets other machines in.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="The port. [default: 8501, or the next free one]")
@_settings
def serve(address: str, port: int | None, settings: str | None) -> None:
    """Start the dashboard."""
    dashboard.serve(address, port, settings)


@mirror.command("list")
@click.argument("visualisation", required=False)
@_settings
def list_(visualisation: str | None, settings: str | None) -> None:
    """List the visualisations, or the parameters of one."""
    from mirror_app.cli import commands

    commands.use_settings(settings)
    commands.list_visualisations(visualisation)


@mirror.command()
@click.argument("search", required=False)
@_settings
def models(search: str | None, settings: str | None) -> None:
    """List the available models, or those whose names contain SEARCH."""
    from mirror_app.cli import commands

    commands.use_settings(settings)
    commands.list_models(search)


@mirror.command("downloads")
@click.option("--delete", multiple=True, metavar="MODEL", help="Delete a model's weights; may be repeated.")
def downloads_(delete: tuple[str, ...]) -> None:
    """List the models whose weights were downloaded, or delete some of them."""
    from mirror_app.cli import commands

    commands.list_downloads(delete)


@mirror.command()
@click.argument("model")
@_settings
def layers(model: str, settings: str | None) -> None:
    """List the layers of a model in the order they run."""
    from mirror_app.cli import commands

    commands.use_settings(settings)
    commands.list_layers(model)


@mirror.command(short_help="Write a picture, its raw values, or its frames as a film.")
@click.option("--model", default="shapes", show_default=True, help="A model's name.")
@click.option(
    "--image",
    type=click.Path(),
    default="checked-heart",
    show_default=True,
    help="A file, or the name of a bundled picture.",
)
@click.option("--layer", help="A layer's dotted name. [default: the page's default layer]")
@click.option("--visualisation", default="grad-cam", show_default=True, help="A visualisation's name.")
@click.option("--param", "params", type=NameValue(), multiple=True, help="A parameter; may be repeated.")
@click.option(
    "--target",
    help="A class name, a class number, or a target such as features.8:3. [default: the most likely class]",
)
@click.option(
    "--output-kind",
    default="",
    metavar="KIND",
    help="The kind of the model's output: classes, labels, numbers, probabilities, embedding, regions, boxes.",
)
@click.option(
    "--page",
    type=int,
    default=1,
    show_default=True,
    help="The page of the contact sheet to write; each page has 64 images.",
)
@click.option(
    "--output",
    type=OutputFile(),
    required=True,
    help="A .png (picture), .npy (raw values), .gif or .mp4 (frames) file.",
)
@_settings
def render(settings: str | None, **options: Any) -> None:
    """Write the picture that the page shows, its raw values, or its frames as a film."""
    from mirror_app.cli import commands

    commands.use_settings(settings)
    commands.render(**options)
