"""Options that mean the same at several commands: one text, one check.

Read by every `meshnode --help`, so nothing heavy is imported here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshproto.errors import StateError

Target = Annotated[str, Parameter(help="URL/STREAM.")]
Duration = Annotated[float | None, Parameter(help="Stop after so many seconds.")]
Wait = Annotated[float, Parameter(help="Seconds to wait for a publisher, 0 for none.")]
KeyFile = Annotated[str | None, Parameter(help="File with a token.")]
Here = Annotated[
    bool,
    Parameter(
        negative="",
        show_default=False,
        help="Stay at the node that was named, even if another one is nearer.",
    ),
]


def output_file(text: str) -> Path:
    """Where to write.  Raises `StateError` now instead of when media comes."""
    path = Path(text)
    if path.is_dir():
        raise StateError(f"{path} cannot be written: it is a folder")
    if not path.parent.is_dir():
        raise StateError(f"{path} cannot be written: there is no folder {path.parent}")
    return path


def check_seconds(duration_s: float | None, wait_s: float = 0) -> None:
    """Raises `StateError` for a time that nobody can wait."""
    if duration_s is not None and not 0 < duration_s < math.inf:
        raise StateError(f"--duration is {duration_s} but should be more than 0")
    if not 0 <= wait_s < math.inf:
        raise StateError(f"--wait is {wait_s} but should be 0 or more")
