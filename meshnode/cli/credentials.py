"""Which bearer a client shows, found without ever being an argument."""

from __future__ import annotations

import os

from meshnode.cli.flags import RunFlags, settings_from
from meshnode.cli.folder import DataFolder, default_folder
from meshnode.client.urls import is_loopback


def bearer(url: str, key_file: str | None) -> str:
    """The key or token for `url`, "" for none.

    From `key_file`, else MESHNODE_PUBLISH_KEY; else, to a node on this very machine,
    the key in our own data folder, because that is the key of that node.
    """
    settings = settings_from(RunFlags(publish_key_file=key_file))
    key = settings.read_publish_key()
    if key is None and is_loopback(url):
        key = DataFolder(settings.data or default_folder(os.environ)).read_key()
    return key or ""
