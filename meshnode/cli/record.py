"""`meshnode record`: a stream into a file, or a room into a folder, as encoded."""

from __future__ import annotations

from pathlib import Path
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
--wait seconds; what was written is playable at any moment.

With --room what everybody shows in a room goes into a folder, a file for each, and
room.json says whose they are. The room is found in the mesh, by a node named as
--bootstrap names it, or by the one on this machine."""
EXAMPLES = """\
Examples:

  meshnode record demo -o demo.mkv
  meshnode record https://live.example.org/talk -o talk.mp4 --duration 3600
  meshnode record --room green -o green
  meshnode record --room 203.0.113.7:5000/green -o green

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
        str, Parameter(name=["--output", "-o"], help="File or folder to record into.")
    ],
    room: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="It is a room: [NODE/]ROOM."),
    ] = False,
    duration: Duration = None,
    wait: Wait = 60.0,
    key_file: KeyFile = None,
    here: Here = False,
) -> int:
    """Check what was typed, then record."""
    check_seconds(duration, wait)
    if room:
        from meshnode.cli import room_recording  # noqa: PLC0415 - slow

        order = room_recording.RoomOrder(target, Path(output), duration, wait)
        return room_recording.record_room(order)
    path = output_file(output)

    from meshnode.cli.recording import Order, record_stream  # noqa: PLC0415 - slow

    return record_stream(Order(target, key_file, path, duration, wait, roam=not here))
