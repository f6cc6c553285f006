"""`meshnode play`: a stream out of a node, watched by figures or recorded."""

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
Play a stream (WHEP): decode it, show how it does, and record it with -o.

Enters the mesh by the node that is best for you, unless --here says otherwise.
Ends after --duration, on Ctrl-C or with the stream; returns 1 when no picture
ever came."""
EXAMPLES = """\
Examples:

  meshnode play demo
  meshnode play http://127.0.0.1:8080/demo -o out.mkv --duration 10

The file's name decides the format: .mp4 (H.264, AAC), .mkv (H.264, Opus) or
.webm (VP8, Opus). URL/STREAM may be a full WHEP endpoint, of any server. A
token comes from --key-file or MESHNODE_PUBLISH_KEY."""

app = command("play", ABOUT, EXAMPLES)


@app.default
def play(
    target: Target,
    /,
    *,
    output: Annotated[
        str | None, Parameter(name=["--output", "-o"], help="File to record into.")
    ] = None,
    duration: Duration = None,
    wait: Wait = 30.0,
    key_file: KeyFile = None,
    here: Here = False,
) -> int:
    """Check what was typed, then play."""
    check_seconds(duration, wait)
    path = None if output is None else output_file(output)

    from meshnode.cli.playing import play_stream  # noqa: PLC0415 - slow

    return play_stream(target, key_file, path, duration, wait, roam=not here)
