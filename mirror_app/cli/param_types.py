"""Types of arguments on the command line."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from mirror_app.export import animation


class NameValue(click.ParamType[tuple[str, str]]):
    """A name and a value, written as NAME=VALUE.

    Example:
        >>> from mirror_app.cli.param_types import NameValue
        >>> NameValue()("strength=0.4")
        ('strength', '0.4')
    """

    name = "NAME=VALUE"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the name and the value, which may contain more equals signs."""
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals:
            self.fail(f"'{value}' is not of the form NAME=VALUE", param, ctx)
        return name, text


class OutputFile(click.ParamType[Path]):
    """The path of a file to write, whose ending decides what is written.

    Example:
        >>> from mirror_app.cli.param_types import OutputFile
        >>> OutputFile()("heat.png").suffix
        '.png'
    """

    name = "FILE"
    ENDINGS = (".png", ".npy", *animation.FORMATS)

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path, unless its ending is unknown."""
        path = Path(value)
        if path.suffix.lower() not in self.ENDINGS:
            self.fail(f"'{value}' must end in one of {', '.join(self.ENDINGS)}", param, ctx)
        return path

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete the name of a file."""
        return [CompletionItem(incomplete, type="file")]
