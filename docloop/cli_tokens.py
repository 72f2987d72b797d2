"""Commands about tokens for other programs: tokens lists them, tokens create makes one, tokens revoke takes one back."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from docloop.cli_loop import JsonOption, opened
from docloop.show_loop import shown_text, table, when
from docloop.terminal import app, err, out
from ml_backend.settings import load_settings
from ml_backend.store.tokens import ROLES

commands = typer.Typer(invoke_without_command=True)
app.add_typer(commands, name="tokens")
_ROLE_WORDS = ", ".join(ROLES)


@commands.callback()
def tokens(context: typer.Context, as_json: JsonOption = False) -> None:
    """The tokens with which other programs call docloop, revoked and expired ones too. Their secrets are not kept.

    Example: [bold]docloop tokens create ci --role read --days 90[/bold], [bold]docloop tokens revoke ci[/bold]
    """
    if context.invoked_subcommand is not None:
        return
    now = time.time()
    with opened(load_settings()) as store:
        found = store.tokens.all()
    if as_json:
        typer.echo(json.dumps([{**asdict(one), "alive": one.alive(now)} for one in found], ensure_ascii=False))
        return
    if not found:
        out.print("No tokens yet: docloop tokens create NAME --role read makes one for another program.")
        return
    rows = table("Tokens", "id", "name", "role", "annotator", "made", "last used", "expires", "revoked")
    for one in found:
        times = [when(at) for at in (one.made_at, one.used_at, one.expires_at, one.revoked_at)]
        words = [str(one.id), shown_text(one.name), shown_text(one.role), shown_text(one.email)]
        rows.add_row(*words, *times, style="" if one.alive(now) else "dim")
    out.print(rows)


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for: a name that you will know again.")],
    role: Annotated[str, typer.Option(help=f"What its holder may do: {_ROLE_WORDS}.")],
    days: Annotated[int | None, typer.Option(min=1, help="Days that it works. Default: until it is revoked.")] = None,
    annotator: Annotated[
        str, typer.Option(help="E-mail in Label Studio of the annotator who confirms and corrects with it.")
    ] = "",
) -> None:
    """Make a token. It is shown once, alone on standard output; docloop keeps only its hash."""
    with opened(load_settings()) as store:
        number, secret = store.tokens.create(name, role, time.time(), days, annotator)
    typer.echo(secret)
    err.print(f"[dim]Token {number}, role {role}. Keep it now: docloop cannot show it again.[/dim]", highlight=False)


@commands.command()
def revoke(token: Annotated[str, typer.Argument(help="Name or id of the token.")]) -> None:
    """Take a token back. It opens nothing from now on."""
    with opened(load_settings()) as store:
        gone = store.tokens.revoke(token, time.time())
    out.print(f"Token {gone.id} “{shown_text(gone.name)}” was revoked {when(gone.revoked_at)} UTC.", highlight=False)
