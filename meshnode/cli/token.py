"""`meshnode token`: what a broadcaster gets instead of the key."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.folder import DataFolder, default_folder
from meshnode.cli.terminal import command, say
from meshproto.errors import StateError

if TYPE_CHECKING:
    from meshnode.signalling.access import TokenKey

ABOUT = """\
Sign a token for one stream ("*": for all of them) and print it.

It is sent like the publish key itself, as Bearer token. Every node that has the
same key honours it. It ends when it expires, or with the key."""
EXAMPLES = """\
Examples:

  meshnode token demo
  meshnode token demo --rights publish --expires 2h"""
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
EXPIRY_MAX_S = 10 * 366 * 86400
STREAM = re.compile(r"[A-Za-z0-9_.~-]{1,128}|\*")

app = command("token", ABOUT, EXAMPLES)


@app.default
def token(
    stream: Annotated[str, Parameter(help="Name of the stream, or *.")],
    /,
    *,
    rights: Annotated[
        str, Parameter(help="publish, play or admin, or several with commas.")
    ] = "publish,play",
    expires: Annotated[
        str, Parameter(help="From now, such as 90m, 12h, 1d, 2w.")
    ] = "1d",
    data: Annotated[
        str | None, Parameter(help="Folder of the node, with its key [its default].")
    ] = None,
    publish_key_file: Annotated[
        str | None,
        Parameter(
            help="The node's key, if it lies elsewhere (or MESHNODE_PUBLISH_KEY)."
        ),
    ] = None,
    token_key_file: Annotated[
        str | None, Parameter(help="The node's token key, if it lies elsewhere.")
    ] = None,
) -> int:
    """Check what was typed, sign, print."""
    from meshnode.signalling.access import Right  # noqa: PLC0415 - is heavy

    if not STREAM.fullmatch(stream):
        raise StateError(f"{stream!r} should be a stream name: A-Z a-z 0-9 . _ ~ -")
    known = {right.value: right for right in Right}
    named = [text.strip() for text in rights.split(",") if text.strip()]
    if not named or not known.keys() >= set(named):
        raise StateError(
            f"--rights is {rights!r} but should be some of {', '.join(known)}"
        )
    now, lasts_s = int(time.time()), _seconds(expires)
    key = _signing_key(
        RunFlags(
            data=data, publish_key_file=publish_key_file, token_key_file=token_key_file
        )
    )
    granted = [known[name] for name in named]
    say(key.sign(stream, granted, issued_at=now, expires_at=now + lasts_s))
    return 0


def _signing_key(flags: RunFlags) -> TokenKey:
    """The token key where there is one, else the one derived from the publish key."""
    from meshnode.signalling.access import TokenKey  # noqa: PLC0415 - is heavy

    settings = settings_from(flags)
    folder = DataFolder(settings.data or default_folder(os.environ))
    key = settings.read_publish_key()
    if settings.token_key_file is not None:
        return TokenKey.load(settings.token_key_file)
    if key is None and folder.token_key_file.exists():
        return TokenKey.load(folder.token_key_file)
    key = key or folder.read_key()
    if key is None:
        raise StateError(
            f"there is no key in {folder.path}: make one with meshnode keygen, or name"
            " its file with --publish-key-file"
        )
    return TokenKey.derive(key)


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if number.isascii() and number.isdigit() and unit in UNITS_S:
        seconds = int(number) * UNITS_S[unit]
        if 0 < seconds <= EXPIRY_MAX_S:
            return seconds
    raise StateError(f"--expires is {text!r} but should be like 90m, 12h, 1d or 2w")
