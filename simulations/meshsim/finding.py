"""How viewers find streams when a scenario says `directory = true` (RFC 0009).

Publishers claim and announce, viewers watch by stream and wait for the directory.  A
lookup begins when both are there and nothing in the network lies between them, and it
ends when the viewer's own directory knows the origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b

from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.wire.control.directory import (
    Claim,
    Layer,
    Media,
    Track,
    TrackKind,
    stream_id,
)
from meshsim.observation import Lookup

CLAIM_MS = 30 * 86_400_000
"""How long claims of simulated publishers hold."""

Sign = Callable[[NodeId, bytes], bytes]
IsCut = Callable[[int, int], bool]


def claim_key(name: str) -> bytes:
    """The key that claims the stream called `name` in a scenario."""
    return blake2b(b"claim " + name.encode(), digest_size=32).digest()


def stream_of(name: str) -> StreamId:
    """The identity of a stream by its name in the scenario."""
    return stream_id(claim_key(name), name)


def media_of(layers: int, bitrate_bps: int) -> Media:
    """An Opus and a VP8 track of `layers` layers."""
    share = bitrate_bps // layers
    video = tuple(
        Layer(f"l{number}", share, 320 << number, 180 << number, 30.0)
        for number in range(layers)
    )
    return Media(
        encrypted=False,
        tracks=(
            Track("audio", TrackKind.AUDIO, "opus", 48_000, "useinbandfec=1", ()),
            Track("video", TrackKind.VIDEO, "vp8", 90_000, "", video[:12]),
        ),
    )


class Finding:
    """Claims for publishers, and how long viewers looked."""

    def __init__(self, sign: Sign, is_cut: IsCut) -> None:
        self._sign = sign
        self._is_cut = is_cut
        self._heals_at = 0.0
        self._sought: dict[StreamId, dict[int, tuple[float, bool]]] = {}
        self.lookups: list[Lookup] = []

    def claim(self, name: str, origin: NodeId, wall_ms: int) -> Claim:
        """A signed claim on `name` for `origin`; later ones have greater counters."""
        bare = Claim(
            claim_key(name), StreamName(name), origin, wall_ms, wall_ms + CLAIM_MS
        )
        return replace(bare, signature=self._sign(bare.signer, bare.signed_part()))

    def divided(self, heals_at: float) -> None:
        """The network falls apart until `heals_at`."""
        self._heals_at = max(self._heals_at, heals_at)

    def sought(self, node: int, stream: StreamId, origin: int, now: float) -> None:
        """A viewer at `node` waits for a stream whose publisher is at `origin`."""
        across = self._is_cut(origin, node)
        since = self._heals_at if across else now
        self._sought.setdefault(stream, {})[node] = (since, across)

    def found(self, node: int, stream: StreamId, now: float) -> None:
        """The directory at `node` knows the stream."""
        entry = self._sought.get(stream, {}).pop(node, None)
        if entry is not None:
            since, across = entry
            self.lookups.append(Lookup(node, min(since, now), now, across))

    def given_up(self, node: int, stream: StreamId, now: float) -> None:
        """The viewer left, or the stream ended, before it was found."""
        entry = self._sought.get(stream, {}).pop(node, None)
        if entry is not None:
            since, across = entry
            if since < now:
                self.lookups.append(Lookup(node, since, None, across))

    def ended(self, stream: StreamId, now: float) -> None:
        """The publisher is gone: whoever still looks never found it."""
        for node in list(self._sought.get(stream, ())):
            self.given_up(node, stream, now)
        self._sought.pop(stream, None)
