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
import re
from collections.abc import Mapping

from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.values import Who, display_name, valid_id
from meshproto.ids import StreamName

NAME_MAX = 128
LABEL_MAX = 4
_PEER = re.compile(r"[A-Za-z0-9-]{1,64}")
_LABEL = re.compile(r"[av][0-9]{1,3}")


def member_stream(room: str, user: str) -> StreamName:
    """The stream that stands for a member."""
    plain = f"{room}~{user}"
    if len(plain) + 1 + LABEL_MAX <= NAME_MAX:
        return StreamName(plain)
    return StreamName(f"~{hashlib.sha256(plain.encode()).hexdigest()}")


def track_stream(room: str, user: str, label: str) -> StreamName:
    """The stream of one of its tracks."""
    return StreamName(f"{member_stream(room, user)}~{label}")


def who_of(told: Mapping[str, str]) -> Who | None:
    """Whose stream it is, by what the directory says; None for nobody's."""
    peer, label = told.get("peer", ""), told.get("label", "")
    if not _PEER.fullmatch(peer) or (label and not _LABEL.fullmatch(label)):
        return None
    try:
        room, user = valid_id(told.get("room"), "room"), valid_id(told.get("user"), "")
        name = display_name(told.get("name", ""))
    except Refused:
        return None
    return Who(room, user, peer, name)


def about(room: str, user: str, peer: str, **more: str) -> Mapping[str, str]:
    """What the directory says of a member's stream."""
    return {"room": room, "user": user, "peer": peer, **more}
