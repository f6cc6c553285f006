"""What the commands that ask a running node share: the question, the names, the table.

Every one of them asks the admin address of a node on this machine, prints a table for
people or, with `--json`, the answer as it came.  A refusal of the node is a sentence
already (RFC 9457) and is passed on as it stands.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.status import fetch
from meshnode.cli.terminal import say
from meshproto.errors import StateError

PROBLEM = "application/problem+json"
PROBLEM_BYTES_MAX = 1 << 16
NAME_LENGTH = 8
"""Of a peer id the last letters tell nodes apart; the first are the same for all."""
PIPED_COLUMNS = 120

Admin = Annotated[
    str | None, Parameter(help="Admin address of the node [127.0.0.1:8081].")
]
AsJson = Annotated[
    bool,
    Parameter(name="--json", negative="", show_default=False, help="The whole answer."),
]


def ask(admin: str | None, *path: str) -> dict[str, Any]:
    """The node's answer at `/admin/PATH`.  Raises `StateError` with one sentence."""
    settings = settings_from(RunFlags(admin=admin))
    parts = "/".join(quote(part, safe="") for part in path)
    try:
        return fetch(f"http://{settings.admin}/admin/{parts}")
    except StateError as error:
        raise _explained(error) from None


def _explained(error: StateError) -> StateError:
    """The node's own sentence instead of the number it came with."""
    cause = error.__context__
    if not isinstance(cause, urllib.error.HTTPError):
        return error
    if cause.headers.get_content_type() != PROBLEM:
        return error
    try:
        problem = json.loads(cause.read(PROBLEM_BYTES_MAX))
        return StateError(str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return error


def show_json(answer: dict[str, Any]) -> int:
    """Print the answer as it came; the exit code."""
    say(json.dumps(answer, indent=2))
    return 0


def show_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> None:
    """Print a table; `right` are the columns of numbers."""
    numbers = set(right)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, title in enumerate(head):
        table.add_column(
            title, justify="right" if place in numbers else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    console().print(table)


def console() -> Console:
    """Standard output as it is now, wide enough when nobody looks."""
    piped = not sys.stdout.isatty()
    width = shutil.get_terminal_size((PIPED_COLUMNS, 24)).columns
    return Console(
        file=sys.stdout, width=width, no_color=piped, highlight=False, markup=False
    )


def name_of(node: str | None, short: str = "") -> str:
    """A node for people: the end of its id, or its short name in brackets."""
    if node:
        return f"…{node[-NAME_LENGTH:]}"
    return f"({short})" if short else "-"


def ms(seconds: float | None) -> str:
    """A time in milliseconds; a dash where it is not known."""
    return "-" if seconds is None else f"{seconds * 1000:.1f}"


def percent(share: float | None) -> str:
    """A share in per cent; a dash where it is not known."""
    return "-" if share is None else f"{share * 100:.1f}"
