"""HTTP sessions: what a Location URL stands for, from the 201 until after the DELETE.

A session is found by an id that nobody can guess (192 random bits), so its URL is the
permission to use it.  An id that has ended is remembered for a while: DELETE must be
repeatable, and some players close their connection first and delete afterwards.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from meshnode.signalling.members import Member
from meshnode.signalling.seam import Transport
from meshproto.errors import LimitError
from meshproto.ids import StreamName
from meshproto.wire.sdp.counteroffer import CounterOffer
from meshproto.wire.sdp.endpoint import LocalEndpoint
from meshproto.wire.sdp.section import Section

ID_BYTES = 24
ENDED_KEPT_S = 600.0
ENDED_KEPT_MAX = 4096
PENDING_MAX = 256


class Door(Enum):
    """By which door a session came in; the value is the first part of its path."""

    WHIP = "whip"
    WHEP = "whep"


def new_etag() -> str:
    """A strong entity tag for one ICE session (RFC 9725 section 4.3.1)."""
    return f'"{secrets.token_urlsafe(12)}"'


@dataclass(slots=True, eq=False)
class Session:
    """One WHIP or WHEP session.

    `local` is our end of it and `sections` what was agreed, `description` both as text;
    `etag` names the ICE session and changes with a restart.
    """

    id: str
    door: Door
    member: Member
    transport: Transport
    local: LocalEndpoint
    remote_ufrag: str
    remote_pwd: str
    description: str
    sections: tuple[Section, ...]
    etag: str = field(default_factory=new_etag)
    subscriptions: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Its absolute path below the prefix of the doors."""
        return f"/{self.door.value}/{self.member.stream}/{self.id}"


@dataclass(frozen=True, slots=True)
class Entrant:
    """Who asks for a session: its address, whose credential, whether from here.

    `secret` is what its claim in the mesh is derived from (`access.Grant`).
    """

    address: str
    owner: str = ""
    here: bool = False
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """An offer of ours that a player may still answer, until `expires_s`."""

    id: str
    stream: StreamName
    local: LocalEndpoint
    offer: CounterOffer
    entrant: Entrant
    expires_s: float
    door: Door = Door.WHEP
    etag: str = field(default_factory=new_etag)

    @property
    def path(self) -> str:
        """Its absolute path, which stays that of the session."""
        return f"/{self.door.value}/{self.stream}/{self.id}"

    @property
    def description(self) -> str:
        """The offer as text."""
        return self.offer.text


class Sessions:
    """The sessions that live, offers of ours, and the ids of what ended lately."""

    def __init__(self) -> None:
        self._live: dict[str, Session] = {}
        self._pending: dict[str, Pending] = {}
        self._ended: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._live.values()))

    @staticmethod
    def new_id() -> str:
        """An id that nobody can guess, of characters that no URL escapes."""
        return secrets.token_urlsafe(ID_BYTES)

    def add(self, session: Session) -> None:
        """A session begins."""
        self._live[session.id] = session

    def find(self, door: Door, stream: str, session_id: str) -> Session | None:
        """The live session of that URL."""
        session = self._live.get(session_id)
        if session is None or session.door is not door:
            return None
        return session if session.member.stream == stream else None

    def pend(self, pending: Pending) -> None:
        """Keep an offer of ours.  Raises `LimitError` when there are too many."""
        if len(self._pending) >= PENDING_MAX:
            raise LimitError("pending_offers", PENDING_MAX)
        self._pending[pending.id] = pending

    def pending(self, session_id: str) -> Pending | None:
        """The offer of ours under that id."""
        return self._pending.get(session_id)

    def answered(self, pending: Pending) -> None:
        """The offer is used up, or withdrawn."""
        self._pending.pop(pending.id, None)

    def has_ended(self, session_id: str) -> bool:
        """Whether that id was a session's not long ago."""
        return session_id in self._ended

    def end(self, session: Session, now: float) -> None:
        """A session is over."""
        if self._live.pop(session.id, None) is None:
            return
        self._ended[session.id] = now
        while len(self._ended) > ENDED_KEPT_MAX:
            self._ended.popitem(last=False)
        self.forget(now)

    def forget(self, now: float) -> None:
        """Drop ids that ended long ago, and offers nobody answered."""
        for pending in tuple(self._pending.values()):
            if now >= pending.expires_s:
                del self._pending[pending.id]
        while self._ended:
            session_id, ended = next(iter(self._ended.items()))
            if now - ended < ENDED_KEPT_S:
                break
            del self._ended[session_id]
