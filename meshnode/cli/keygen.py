"""`meshnode keygen`: the secrets that open a node for publishing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshnode.cli.folder import DataFolder, default_folder
from meshnode.cli.terminal import command, say

ABOUT = """\
Make the publish key of a node and show it, once.

A node that others can reach asks publishers for this key (in OBS: Bearer
Token). It lies in publish.key in the data folder, readable by you only. To hand
out less than the key, sign tokens with `meshnode token`."""

app = command("keygen", ABOUT)


@app.default
def keygen(
    *,
    data: Annotated[
        str | None, Parameter(help="Folder of the node [its default].")
    ] = None,
    force: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Replace the key; tokens made with the old one end with it.",
        ),
    ] = False,
    token_key: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Make token.key instead: it signs tokens but opens nothing itself, so"
            " it can lie on the machine that hands out tokens.",
        ),
    ] = False,
) -> int:
    """Write the key and say where."""
    data = data or os.environ.get("MESHNODE_DATA")
    folder = DataFolder(Path(data) if data else default_folder(os.environ))
    if token_key:
        folder.make_token_key(replace=force)
        say(f"token key kept in {folder.token_key_file}")
        say("a node with this --data honours its tokens; meshnode token signs them")
        return 0
    key = folder.make_key(replace=force)
    say(f"publish key: {key}")
    say(f"kept in {folder.key_file}; a node with this --data finds it there")
    return 0
