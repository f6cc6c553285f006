"""`meshnode record`: a stream into a file, as it was encoded."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from meshnode.cli.options import (
    Duration,
    Here,
    KeyFile,
    Target,
    Wait,
    check_seconds,
    output_file,
)
from meshnode.cli.terminal import command

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
    target: Target,
    /,
    *,
    output: Annotated[
        str, Parameter(name=["--output", "-o"], help="File to record into.")
    ],
    duration: Duration = None,
    wait: Wait = 60.0,
    key_file: KeyFile = None,
    here: Here = False,
) -> int:
    """Check what was typed, then record."""
    check_seconds(duration, wait)
    path = output_file(output)

    from meshnode.cli.recording import Order, record_stream  # noqa: PLC0415 - slow

    order = Order(target, key_file, path, duration, wait, roam=not here)
    return record_stream(order)
