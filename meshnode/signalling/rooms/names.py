"""What a member's streams are called (RFC 0014 section 3.1).

    ROOM~USER          the member itself: no media, but what others must know of it
    ROOM~USER~LABEL    one of its tracks

Ids have no tilde, so a name says whose stream it is.  Names of streams are bounded to
128 characters; where ids are longer than that leaves room for, a hash stands for both.
What a stream is belongs to its description (`about`), and is read from there alone:
anybody may call a stream like that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from meshproto.ids import StreamName

NAME_MAX = 128
LABEL_MAX = 4


def member_stream(room: str, user: str) -> StreamName:
    """The stream that stands for a member."""
    plain = f"{room}~{user}"
    if len(plain) + 1 + LABEL_MAX <= NAME_MAX:
        return StreamName(plain)
    return StreamName(f"~{hashlib.sha256(plain.encode()).hexdigest()}")


def track_stream(room: str, user: str, label: str) -> StreamName:
    """The stream of one of its tracks."""
    return StreamName(f"{member_stream(room, user)}~{label}")


def about(room: str, user: str, peer: str, **more: str) -> Mapping[str, str]:
    """What the directory says of a member's stream."""
    return {"room": room, "user": user, "peer": peer, **more}
