"""The plain STUN server on the media port: a mirror without memory.

A client, or a neighbour, asks from the very socket that its media will use, and learns
the mapping that its address translator gave to that flow.  The answer must be worthless
for reflecting traffic at a forged source: it carries XOR-MAPPED-ADDRESS alone,
FINGERPRINT only to a request that had one, and no SOFTWARE, which on the wire makes at
most 1.25 times the request over IPv4 and 1.36 over IPv6.  Answers per prefix are
limited besides (`bucket`).  Nothing is kept per source.

Errors are answered as RFC 8489 sections 6.3.1 and 9.1.3 ask, without reason phrase and
so always shorter than what they refuse, from the same buckets.
"""

from __future__ import annotations

from collections import Counter

from meshproto.errors import DecodeError
from meshproto.ice.bucket import PrefixBucket
from meshproto.wire import stun, stun_attributes
from meshproto.wire import stun_binding as binding
from meshproto.wire.stun_attributes import Address


class StunServer:
    """Answers Binding requests without credentials.

    `answered` counts answers, `refused` the rest by reason (a fixed small set).
    """

    def __init__(self, bucket: PrefixBucket) -> None:
        self.answered = 0
        self.refused: Counter[str] = Counter()
        self._bucket = bucket

    def receive(self, datagram: bytes, address: Address, now: float) -> bytes | None:
        """The reply to a datagram that may be anything."""
        try:
            message = stun.decode(datagram)
        except DecodeError as error:
            self.refused[error.reason] += 1
            return None
        return self.answer(message, address, now)

    def answer(
        self, request: stun.Message, address: Address, now: float
    ) -> bytes | None:
        """The reply to a well-formed message: only Binding requests get one."""
        if request.message_type != binding.REQUEST:
            self.refused["stun-not-a-request"] += 1
            return None
        if request.unknown:
            self.refused["stun-unknown-attribute"] += 1
            return self.refuse(request, binding.UNKNOWN_ATTRIBUTE, address, now)
        if not self._admit(address, now):
            return None
        self.answered += 1
        return binding.success(request, address, fingerprint=request.has_fingerprint)

    def refuse(
        self, request: stun.Message, code: int, address: Address, now: float
    ) -> bytes | None:
        """An error response without integrity, if the prefix has a token left."""
        if not self._admit(address, now):
            return None
        return binding.error(request, code, fingerprint=request.has_fingerprint)

    def _admit(self, address: Address, now: float) -> bool:
        admitted = self._bucket.take(stun_attributes.pack_host(address[0]), now)
        if not admitted:
            self.refused["stun-rate"] += 1
        return admitted
