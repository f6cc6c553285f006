"""How the commands look and speak: results on standard output, the rest on error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from meshproto.errors import MeshError
from meshsim.jobs import Progress as Told
from meshsim.scenario import parameter

PIPE_WIDTH = 120


class UsageError(MeshError):
    """A flag or a file is wrong; the message is one sentence for a person."""


def command(name: str, about: str, examples: str = "") -> App:
    """A subcommand with its own help text, filled to the terminal, and examples."""
    paragraphs = (" ".join(part.split()) for part in about.split("\n\n"))
    return App(
        name=name,
        help="\n\n".join(paragraphs),
        help_format="plaintext",
        help_epilogue=f"Examples:\n\n{examples}" if examples else "",
        version_flags=[],
        result_action="return_value",
        # no --empty-set beside --set: a list that nobody gives is empty
        default_parameter=Parameter(negative_iterable=()),
    )


def console() -> Console:
    """Where results are printed; in a pipe wide enough for the tables."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def tell(text: str) -> None:
    """A line about the work, which must not mix with results."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def bar(title: str) -> Iterator[Told]:
    """A progress bar on standard error while the block runs; silent in a pipe."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    quiet = not sys.stderr.isatty()
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=quiet) as progress:
        task = progress.add_task(title, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def overrides(
    settings: Sequence[str], nodes: int | None = None, *, elide: bool | None = None
) -> dict[str, Any]:
    """Changes to a scenario from `--set key=value`, `--nodes` and `--no-elide`."""
    changes = dict(parameter(text) for text in settings)
    if nodes is not None:
        changes["nodes"] = nodes
    if elide is False:
        changes["elide"] = False
    return changes


def whole(text: str, what: str) -> int:
    """A whole number, or a sentence."""
    if not text.strip().isdecimal():
        raise UsageError(f"{what} {text!r} is not a whole number")
    return int(text)


def seeds(text: str) -> list[int]:
    """`3`, `1,2,5` or `1..5`."""
    found: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        low = whole(first, "seed")
        high = whole(last, "seed") if dots else low
        if high < low:
            raise UsageError(f"seeds {part!r} run backwards")
        found.extend(range(low, high + 1))
    return list(dict.fromkeys(found))


def writable(path: Path | None) -> None:
    """Say at once, not after an hour, that a file cannot be written."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file")
    if not path.parent.is_dir():
        raise UsageError(f"the folder of {path} does not exist")
