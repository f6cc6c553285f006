"""`meshnode publish`: a file or the test picture into a stream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from meshnode.cli.options import Duration, check_seconds
from meshnode.cli.terminal import command
from meshproto.errors import StateError

ABOUT = """\
Publish a media file or a test picture to a stream (WHIP) and show how it does.

Sound and picture are encoded anew, at most 720 rows high. Ends with the file,
after --duration, or on Ctrl-C."""
EXAMPLES = """\
Examples:

  meshnode publish --test demo
  meshnode publish --test http://127.0.0.1:8080/demo --duration 10
  meshnode publish film.mp4 --loop https://live.example.org/demo \\
                   --key-file key.txt

URL/STREAM may be a full WHIP endpoint, of any server. The bearer comes from
--key-file or MESHNODE_PUBLISH_KEY, never from the command line, which others
can read."""

app = command("publish", ABOUT, EXAMPLES)


@app.default
def publish(
    *targets: Annotated[
        str, Parameter(help="[FILE] URL/STREAM; without FILE add --test.")
    ],
    test: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="A picture with a clock and a frame counter, and a 440 Hz tone.",
        ),
    ] = False,
    loop: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Start the file again at its end."
        ),
    ] = False,
    codec: Annotated[
        Literal["vp8", "h264"], Parameter(help="How the picture is encoded.")
    ] = "vp8",
    size: Annotated[str, Parameter(help="Of the test picture.")] = "640x360",
    rate: Annotated[int, Parameter(help="Of the test picture, frames a second.")] = 30,
    duration: Duration = None,
    key_file: Annotated[
        str | None, Parameter(help="File with the publish key or a token.")
    ] = None,
) -> int:
    """Check what was typed, then stream."""
    file, target = _targets(targets, test)
    width, height = _size(size)
    if not 1 <= rate <= 60:
        raise StateError(f"--rate is {rate} but should be from 1 to 60")
    check_seconds(duration)

    from meshnode.cli import publishing  # noqa: PLC0415 - slow

    order = publishing.Order(target, key_file, codec, duration)
    if file is None:
        return publishing.publish_test(order, width, height, rate)
    return publishing.publish_file(order, file, loop=loop)


def _targets(targets: tuple[str, ...], test: bool) -> tuple[Path | None, str]:
    """The file, if one is played, and where to."""
    if test and len(targets) == 1:
        return None, targets[0]
    if not test and len(targets) == 2:
        return Path(targets[0]), targets[1]
    raise StateError(
        "publish wants FILE URL/STREAM, or --test URL/STREAM;"
        " for example: meshnode publish --test demo"
    )


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{3,4})x(\d{2,4})", text)
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if width % 2 or height % 2 or not (160 <= width <= 1920 and 96 <= height <= 1080):
        raise StateError(
            f"--size is {text!r} but should be WIDTHxHEIGHT, even, from 160x96 to"
            " 1920x1080"
        )
    return width, height
