"""Packet indexes: rollover, replay and never the same nonce twice.

RTP carries 16 bits of a 48 bit packet index; the rest is guessed from the highest index
so far (RFC 3711 section 3.3.1 and appendix A).  A window remembers which of the last
1024 indexes are still *missing*: in an undisturbed stream none is, so the usual step
costs one comparison, and a bitmap of received ones would be shifted for every packet.

The same object guards both directions.  On receive a repeated index is a replay; on
send it would be the same nonce for other bytes, which breaks GCM altogether (RFC 7714
section 8.1).
"""

from __future__ import annotations

WINDOW = 1024
_MASK = (1 << WINDOW) - 1
INDEX_MAX = (1 << 48) - 1


class Window:
    """The indexes of one SSRC in one direction.

    `highest` is the highest index so far; bit n of `missing` says that `highest - n`
    has not been seen.  `nonce` belongs to the owner, who mixes the SSRC in once.
    """

    __slots__ = ("highest", "missing", "nonce")

    def __init__(self, first: int, nonce: int, *, accept_earlier: bool) -> None:
        self.highest = first
        # Reordered packets may still come from before the first one that arrived.
        self.missing = ((1 << min(first + 1, WINDOW)) - 1) & ~1 if accept_earlier else 0
        self.nonce = nonce

    def estimate(self, sequence: int) -> int:
        """The likeliest index of a 16 bit sequence number."""
        highest = self.highest
        low = highest & 0xFFFF
        index = highest - low + sequence
        if low < 0x8000:
            # Before the first rollover there is nothing to go back to.
            behind = sequence - low > 0x8000 and highest > 0xFFFF
            return index - 0x10000 if behind else index
        return index + 0x10000 if low - sequence > 0x8000 else index

    def is_fresh(self, index: int) -> bool:
        """False for a repeated index and for one too old to tell."""
        behind = self.highest - index
        if behind < 0:
            return index <= INDEX_MAX
        return behind < WINDOW and bool(self.missing >> behind & 1)

    def accept(self, index: int) -> None:
        """Mark a fresh index as seen."""
        ahead = index - self.highest
        if ahead > 0:
            if self.missing or ahead > 1:
                skipped = (1 << min(ahead, WINDOW)) - 2  # not `index` itself
                shifted = self.missing << ahead if ahead < WINDOW else 0
                self.missing = (shifted | skipped) & _MASK
            self.highest = index
        else:
            self.missing &= ~(1 << -ahead)

    def claim(self, index: int) -> bool:
        """Use an index for sending; False when it may have been used before."""
        if not self.is_fresh(index):
            return False
        self.accept(index)
        return True
