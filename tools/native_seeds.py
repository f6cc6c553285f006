"""Seeds for `make fuzz-native`: bad inputs in pieces, each for one parser."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MESHNODE_SHARED", ROOT.parent / "shared"))
PARSERS = 15
PIECE, PIECES = 1_500, 20
"""A piece is a packet; more of a file than so many teach nothing."""


def inputs() -> Iterator[bytes]:
    """Every input of the corpora of bad ones."""
    for archive in sorted((SHARED / "corpora" / "bad").rglob("*.zip")):
        with zipfile.ZipFile(archive) as members:
            for member in members.namelist():
                yield members.read(member)


def main() -> None:
    """Write what is not there yet."""
    folder = Path(sys.argv[1])
    for data in inputs():
        for start in range(0, min(len(data), PIECE * PIECES), PIECE):
            piece = data[start : start + PIECE]
            name = hashlib.sha256(piece).hexdigest()[:16]
            choice = int(name, 16) % PARSERS
            (folder / name).write_bytes(bytes((choice,)) + piece)


if __name__ == "__main__":
    main()
