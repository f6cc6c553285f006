"""The flight we sent last, and when the very same bytes leave again.

OpenSSL repeats a flight after 1 s, then doubling, and cannot be told otherwise; nor
does it answer a repeated ClientHello.  So what it made is kept here and sent again,
without asking it, when the peer repeats its own flight (it did not get ours), and on
early timers of 50, 100, 200 and 400 ms (RFC 6347 section 4.2.4.1 allows less than a
second).  A peer that has the bytes already drops them as a replay.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshnode.media import dtls_records as records

RESEND_FIRST_S = 0.05
RESEND_TIMES = 4
REPEAT_GAP_S = 0.02
"""A peer's flight of several datagrams asks once, not once per datagram."""
REPEATS_MAX = 32
SEEN_MAX = 128


class Flight:
    """What was sent last in one handshake."""

    def __init__(self) -> None:
        self.next_timeout: float | None = None
        self._datagrams: list[bytes] = []
        self._sent_at = 0.0
        self._resends = 0
        self._repeats = 0
        self._seen: set[int] = set()

    def made(self, datagrams: list[bytes]) -> None:
        """OpenSSL made a new flight, or made this one anew."""
        self._datagrams = datagrams

    def sent(self, now: float) -> None:
        """A new flight left: the early timers begin."""
        self._sent_at, self._resends = now, 0
        self._arm(now)

    def timeout(self, now: float) -> list[bytes]:
        """What the early timer sends again."""
        self._sent_at = now
        self._resends += 1
        self._arm(now)
        return self._datagrams

    def repeat(self, now: float) -> list[bytes]:
        """What the peer's repetition brings; nothing when it asks too often."""
        if self._repeats >= REPEATS_MAX or now - self._sent_at < REPEAT_GAP_S:
            return []
        self._repeats += 1
        self._sent_at = now
        return self._datagrams

    def is_repeated_by(self, arrived: Iterable[bytes]) -> bool:
        """True when a plaintext handshake record arrives for the second time.

        Its record number differs, hence the comparison of what follows the header.
        """
        repeated = False
        for record in arrived:
            if record[0] == records.HANDSHAKE and records.epoch(record) == 0:
                body = hash(record[records.HEADER_BYTES :])
                repeated |= body in self._seen
                if len(self._seen) < SEEN_MAX:
                    self._seen.add(body)
        return repeated

    def settle(self) -> None:
        """The peer is past its plaintext messages: stop comparing them."""
        self._seen.clear()

    def end(self) -> None:
        """The association is over: nothing is repeated any more."""
        self._datagrams, self.next_timeout = [], None
        self._seen.clear()

    def _arm(self, now: float) -> None:
        done = self._resends >= RESEND_TIMES or not self._datagrams
        self.next_timeout = None if done else now + RESEND_FIRST_S * 2**self._resends
