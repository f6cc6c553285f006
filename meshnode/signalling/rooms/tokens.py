"""Resume tokens: who may have a place in a room again (RFC 0014 section 4).

A token names the member and carries the secret that claims its streams; it is signed by
the node that issued it, so any node that knows that one can honour it.  It is good
while the member sits in the room and for two minutes after, and it is used once.  At
the node that took it, it is remembered; every other node hears since when the member
has sat where it sits now, and a token that is older than that has been used.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import msgpack

from meshproto.ids import NodeId

RETURN_S = 120.0
"""How long after it left a member may come back, and how long after it was issued a
token is good for a member that was never heard of.
"""
LIFE_S = 86_400.0
REMEMBERED_MAX = 16_384
TEXT_MAX = 1_024
SECRET_OCTETS = 32
_CONTEXT = b"meshnode room token 1"
_SIGNATURE_OCTETS = 64

Sign = Callable[[bytes], bytes]
Verify = Callable[[NodeId, bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class Session:
    """What survives from one seat of a member to the next."""

    room: str
    user: str
    id: str
    peer: str
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, room: str, user: str) -> Session:
        """The first seat of a member."""
        peer, id_ = secrets.token_hex(16), secrets.token_hex(16)
        return cls(room, user, id_, peer, secrets.token_bytes(SECRET_OCTETS))

    @property
    def owner(self) -> str:
        """What the registry calls the owner of its streams."""
        return self.id


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a member: since when it sat where it sat last (Unix time), and
    for how long it has been gone, None while it is there.
    """

    since_ms: int
    gone_s: float | None = None


class Tokens:
    """Issues tokens of `me`, and takes those of nodes that `verify` knows."""

    def __init__(
        self,
        me: NodeId,
        sign: Sign,
        verify: Verify,
        wall: Callable[[], float],
    ) -> None:
        self.refused: Counter[str] = Counter()
        self.taken = 0
        self.me = me
        self._sign = sign
        self._verify = verify
        self._wall = wall
        self._used: OrderedDict[bytes, float] = OrderedDict()
        self._revoked: OrderedDict[tuple[str, str], float] = OrderedDict()

    def now_ms(self) -> int:
        """The time that tokens are dated by."""
        return int(self._wall() * 1000)

    def issue(self, session: Session, since_ms: int) -> str:
        """A token for a member that has sat here since then."""
        fields = (
            secrets.token_bytes(16),
            since_ms,
            self.me,
            session.room,
            session.user,
            session.id,
            session.peer,
            session.secret,
        )
        body: bytes = msgpack.packb(fields)
        signed = self._sign(_CONTEXT + body) + body
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")

    def redeem(
        self, text: str, room: str, user: str, place: Place | None
    ) -> Session | None:
        """The session of a good token, which is used up; None for any other.

        `place` is what is known of that member here.
        """
        found = self._read(text)
        if isinstance(found, str):
            self.refused[found] += 1
            return None
        nonce, issued_ms, session = found
        fault = ""
        if (session.room, session.user) != (room, user):
            fault = "not-for-this"
        elif not self._is_in_time(issued_ms, place):
            fault = "expired"
        elif nonce in self._used or (place is not None and place.since_ms > issued_ms):
            fault = "used"
        elif self._revoked.get((room, user), 0.0) * 1000 >= issued_ms:
            fault = "revoked"
        if fault:
            self.refused[fault] += 1
            return None
        self._remember(self._used, nonce)
        self.taken += 1
        return session

    def revoke(self, room: str, user: str) -> None:
        """Tokens that a member has are worth nothing here."""
        self._remember(self._revoked, (room, user))

    def _is_in_time(self, issued_ms: int, place: Place | None) -> bool:
        age_s = self._wall() - issued_ms / 1000
        if not -RETURN_S <= age_s <= LIFE_S:
            return False
        if place is None:
            return age_s <= RETURN_S
        return place.gone_s is None or place.gone_s <= RETURN_S

    def _read(self, text: str) -> tuple[bytes, int, Session] | str:
        if len(text) > TEXT_MAX:
            return "malformed"
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            signature, body = data[:_SIGNATURE_OCTETS], data[_SIGNATURE_OCTETS:]
            nonce, issued_ms, issuer, *rest = msgpack.unpackb(body)
            session = Session(*rest)
        except (binascii.Error, ValueError, TypeError, msgpack.UnpackException):
            return "malformed"
        if not _well_formed(nonce, issued_ms, issuer, session):
            return "malformed"
        if not self._verify(NodeId(issuer), _CONTEXT + body, signature):
            return "signature"
        return nonce, issued_ms, session

    def _remember(self, table: OrderedDict, key: object) -> None:  # type: ignore[type-arg]
        now = self._wall()
        table[key] = now
        while len(table) > REMEMBERED_MAX or now - next(iter(table.values())) > LIFE_S:
            table.popitem(last=False)


def _well_formed(
    nonce: object, issued_ms: object, issuer: object, session: Session
) -> bool:
    octets = (nonce, issuer, session.secret)
    texts = (session.room, session.user, session.id, session.peer)
    return (
        type(issued_ms) is int
        and all(type(value) is bytes for value in octets)
        and len(session.secret) == SECRET_OCTETS
        and all(type(value) is str and len(value) <= 128 for value in texts)
    )
