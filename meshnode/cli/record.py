"""`meshnode record`: a stream into a file, as it was encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshnode.cli.terminal import command
from meshproto.errors import StateError

ABOUT = """\
Record a stream (WHEP) as it is, without decoding it.

Waits for a publisher, and for one that left to come back: the recording goes on
in the same file. Ends after --duration, on Ctrl-C, or when nobody publishes for
--wait seconds; what was written is playable at any moment."""
EXAMPLES = """\
Examples:

  meshnode record demo -o demo.mkv
  meshnode record https://live.example.org/talk -o talk.mp4 --duration 3600

The file's name decides the format: .mkv takes every codec, .webm VP8, VP9 and
AV1, .mp4 (fragmented) H.264, H.265, VP9 and AV1. A publisher that comes back
with another codec goes on in a second file (demo-2.mkv). A token comes from
--key-file or MESHNODE_PUBLISH_KEY."""

app = command("record", ABOUT, EXAMPLES)


@app.default
def record(
    target: Annotated[str, Parameter(help="URL/STREAM.")],
    /,
    *,
    output: Annotated[
        str, Parameter(name=["--output", "-o"], help="File to record into.")
    ],
    duration: Annotated[
        float | None, Parameter(help="Stop after so many seconds.")
    ] = None,
    wait: Annotated[
        float, Parameter(help="Seconds to wait for a publisher, 0 for none.")
    ] = 60.0,
    key_file: Annotated[str | None, Parameter(help="File with a token.")] = None,
    here: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Record at the node that was named, even if another one is nearer.",
        ),
    ] = False,
) -> int:
    """Check what was typed, then record."""
    if duration is not None and duration <= 0:
        raise StateError(f"--duration is {duration} but should be more than 0")
    if wait < 0:
        raise StateError(f"--wait is {wait} but should be 0 or more")

    from meshnode.cli.recording import Order, record_stream  # noqa: PLC0415 - slow

    order = Order(target, key_file, Path(output), duration, wait, roam=not here)
    return record_stream(order)
