"""One-use passes: how a node sends a viewer on to another (RFC 0004 section 13.3).

A viewer's bearer belongs to the node it was given to; what goes along in a redirect is
a pass for one node, one stream and half a minute, signed by the node that sent the
viewer.  Whoever shows it is served or refused there, and not sent on again: two full
nodes would otherwise throw a viewer back and forth.  A pass opens nothing that is not
open anyhow, so one that is wrong is only worth nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable

from meshproto.ids import NodeId

PARAMETER = "pass"
VALID_S = 30
REMEMBERED_MAX = 4096
"""Passes used in the last half minute; above that they are worth nothing."""
_CONTEXT = b"meshnode viewer pass 1"
_NONCE_OCTETS, _NODE_OCTETS, _SIGNATURE_OCTETS = 16, 38, 64
_HEAD = struct.Struct(f"!{_NONCE_OCTETS}sQ{_NODE_OCTETS}s{_NODE_OCTETS}s16s")
OCTETS = _HEAD.size + _SIGNATURE_OCTETS

Sign = Callable[[bytes], bytes]
Verify = Callable[[NodeId, bytes, bytes], bool]


class Passes:
    """Issues passes of `me`, and takes those for it; `wall` is Unix seconds."""

    def __init__(
        self, me: NodeId, sign: Sign, verify: Verify, wall: Callable[[], float]
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._me = me
        self._sign = sign
        self._verify = verify
        self._wall = wall
        self._used: OrderedDict[bytes, float] = OrderedDict()

    def issue(self, target: NodeId, stream: str) -> str:
        """A pass to see `stream` at `target`, as text for a URL."""
        expires = int(self._wall()) + VALID_S
        nonce = secrets.token_bytes(_NONCE_OCTETS)
        head = _HEAD.pack(nonce, expires, self._me, target, _name(stream))
        signed = head + self._sign(_CONTEXT + head)
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")

    def redeem(self, text: str, stream: str) -> bool:
        """Whether `text` is a fresh pass for this node and stream; it is used up."""
        if not text:
            return False
        reason = self._fault(text, stream)
        if reason:
            self.refused[reason] += 1
        return not reason

    def _fault(self, text: str, stream: str) -> str:
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return "malformed"
        if len(data) != OCTETS:
            return "malformed"
        head, signature = data[: _HEAD.size], data[_HEAD.size :]
        nonce, expires, issuer, target, name = _HEAD.unpack(head)
        now = self._wall()
        if target != self._me or name != _name(stream):
            return "not-for-us"
        if not now <= expires <= now + 2 * VALID_S:
            return "expired"
        self._forget(now)
        if nonce in self._used:
            return "used"
        if len(self._used) >= REMEMBERED_MAX:
            return "full"
        if not self._verify(NodeId(issuer), _CONTEXT + head, signature):
            return "signature"
        self._used[nonce] = float(expires)
        return ""

    def _forget(self, now: float) -> None:
        """Drop the oldest; expiries are nearly in the order of use."""
        while self._used:
            nonce, expires = next(iter(self._used.items()))
            if expires + VALID_S >= now:
                return
            del self._used[nonce]


def _name(stream: str) -> bytes:
    return hashlib.sha256(stream.encode()).digest()[:16]
