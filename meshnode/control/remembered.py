"""The peers a node remembers from one start to the next (`peers.json` in `--data`).

A node that was in the mesh an hour ago can come back without any bootstrap address.
The file holds signed records, the neighbours first; what is wrong with it costs memory,
never the start: a broken file is an empty one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id
from meshproto.wire.control.peer import PeerRecord, build_peer, parse_peer

NAME = "peers.json"
PEERS_MAX = 32
FILE_BYTES_MAX = 64 * 1024
"""32 records of 700 octets in base64, with room for names."""

Verify = Callable[[NodeId, bytes, bytes], bool]


def load(path: Path, verify: Verify) -> tuple[PeerRecord, ...]:
    """The genuine records of the file, none without one."""
    try:
        with path.open("rb") as file:
            plain = json.loads(file.read(FILE_BYTES_MAX))
        texts = [entry["record"] for entry in plain][:PEERS_MAX]
        found = [parse_peer(base64.b64decode(text)) for text in texts]
    except (OSError, ValueError, TypeError, KeyError, binascii.Error, DecodeError):
        return ()
    return tuple(
        peer for peer in found if verify(peer.node, peer.signed_part(), peer.signature)
    )


def save(path: Path, peers: Iterable[PeerRecord]) -> bool:
    """Write the first `PEERS_MAX` signed records; False where that is impossible."""
    entries = [
        {
            "node": peer_id.to_text(peer.node),
            "record": base64.b64encode(build_peer(peer)).decode(),
        }
        for peer in peers
        if peer.signature
    ]
    fresh = path.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(entries[:PEERS_MAX], indent=1), encoding="utf-8")
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        return False
    return True
