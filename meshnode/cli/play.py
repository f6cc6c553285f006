"""`meshnode play`: a stream out of a node, watched by figures or recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshnode.cli.terminal import command
from meshproto.errors import StateError

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
    target: Annotated[str, Parameter(help="URL/STREAM.")],
    /,
    *,
    output: Annotated[
        str | None, Parameter(name=["--output", "-o"], help="File to record into.")
    ] = None,
    duration: Annotated[
        float | None, Parameter(help="Stop after so many seconds.")
    ] = None,
    wait: Annotated[
        float, Parameter(help="Seconds to wait for a publisher, 0 for none.")
    ] = 30.0,
    key_file: Annotated[str | None, Parameter(help="File with a token.")] = None,
    here: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Watch at the node that was named, even if another one is nearer.",
        ),
    ] = False,
) -> int:
    """Check what was typed, then play."""
    if duration is not None and duration <= 0:
        raise StateError(f"--duration is {duration} but should be more than 0")

    from meshnode.cli.playing import play_stream  # noqa: PLC0415 - slow

    path = Path(output) if output else None
    return play_stream(target, key_file, path, duration, wait, roam=not here)
