"""What all commands share: the application, the two consoles, errors as sentences, progress bars."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

from ml_backend.errors import DocloopError
from ml_backend.presets import preset_names

# What goes into a file or pipe is not broken at 80 columns.
_WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160
out = Console(emoji=False, width=_WIDTH)
err = Console(stderr=True, emoji=False, soft_wrap=True)


class Commands(TyperGroup):
    """Turns docloop's own errors into a sentence, the fix and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DocloopError as error:
            err.print(f"[bold red]{escape(error.message)}[/bold red] [dim]({error.code})[/dim]")
            if error.fix:
                err.print(escape(error.fix))
            raise typer.Exit(2) from None
        except BrokenPipeError:
            raise  # "| head" has seen enough: typer ends quietly
        except OSError as error:
            err.print(f"[bold red]{escape(str(error))}[/bold red]")
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="""Turn plain, free Label Studio into a document reader.

Try it on a file:  [bold]docloop predict receipt.jpg --draw out/[/bold]

See it all:  [bold]docloop demo[/bold]

Use it on your project:  [bold]docloop serve[/bold], then [bold]docloop connect --project 7[/bold],
[bold]docloop import scans/ --project 7[/bold] and [bold]docloop push --project 7[/bold].

Settings are environment variables that begin with DOCLOOP_; docs/settings.md lists them.""",
)

PRESETS = ", ".join(preset_names())
ProjectOption = Annotated[int, typer.Option("--project", "-p", help="Number of the project in Label Studio.")]


def progress(console: Console = err) -> Progress:
    """A progress bar, on standard error unless what is printed meanwhile goes to the same terminal; none in files and pipes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
