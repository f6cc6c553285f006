"""What the reference plane keeps per transport, and what it keeps to send again."""

from __future__ import annotations

from itertools import islice

from meshnode.media.plane import LocalSink, TransportSpec
from meshnode.media.sender import Path
from meshnode.media.srtp import Inbound, Outbound
from meshproto.forwarding.outputs import OutPacket
from meshproto.ice.path import PacketPath

REPEAT_PACKETS = 512


class RepeatRing:
    """The last packets of a client whose consumers have no RTX.

    They may have to go out again byte for byte (RFC 0002 section 4).  What is kept is
    header and payload rather than ciphertext: the payload is one object for all
    consumers, and the same bytes under the same nonce give the same ciphertext.
    Nothing in here is ever altered, which is what makes that safe.
    """

    __slots__ = ("_limit", "_packets")

    def __init__(self, limit: int = REPEAT_PACKETS) -> None:
        self._limit = limit
        self._packets: dict[tuple[int, int], OutPacket] = {}

    def keep(self, packets: list[OutPacket]) -> None:
        """Remember protected packets, forgetting the oldest beyond the limit.

        They go by the dozen: finding the oldest of a dictionary means passing
        over all that were forgotten before.
        """
        kept = self._packets
        for packet in packets:
            kept[packet[2], packet[3]] = packet
        if len(kept) > self._limit:
            spare = len(kept) - self._limit + self._limit // 8
            for key in list(islice(kept, spare)):
                del kept[key]

    def find(self, ssrc: int, index: int) -> OutPacket | None:
        """The packet as it was protected, or None when it is gone."""
        return self._packets.get((ssrc, index))

    def __len__(self) -> int:
        return len(self._packets)


class Session:
    """One transport of the plane; the packet path reads, the plane writes.

    `ice` is None for a LOCAL transport, `path` while there is no validated address,
    `inbound` and `outbound` until the handshake is done.
    """

    __slots__ = ("ice", "inbound", "outbound", "path", "ring", "sink", "spec")

    def __init__(self, spec: TransportSpec, ice: PacketPath | None) -> None:
        self.spec = spec
        self.ice = ice
        self.path: Path | None = None
        self.inbound: Inbound | None = None
        self.outbound: Outbound | None = None
        self.ring: RepeatRing | None = None
        self.sink: LocalSink | None = None

    def __repr__(self) -> str:
        keyed = "keyed" if self.outbound else "without keys"
        return f"<Session {self.spec.transport} {keyed} {self.path}>"
