"""What this node publishes into the mesh: claim, announce, feed, and end again.

Publishing a stream is one step here and three in the brain: the claim is signed with a
counter above whatever the directory holds, the stream is announced, and its tree is
opened with this node as origin.  The counter is the time, so the publisher who came
last has the stream (RFC 0009 section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshnode.control.claims import CLAIM_LIFE_S, claim_key, make_claim, stream_of
from meshnode.control.driver import Driver
from meshproto.ids import StreamId, StreamName
from meshproto.wire.control.directory import Claim, Media

RENEW_S = CLAIM_LIFE_S / 2


@dataclass(slots=True, eq=False)
class Publication:
    """A stream that is published here."""

    name: StreamName
    key: Ed25519PrivateKey
    claim: Claim
    media: Media
    rates_bps: tuple[int, ...]


class Publications:
    """The streams of this node, by their ids."""

    def __init__(
        self, driver: Driver, secret: bytes, wall_ms: Callable[[], int]
    ) -> None:
        self._driver = driver
        self._secret = secret
        self._wall_ms = wall_ms
        self._streams: dict[StreamId, Publication] = {}

    def __contains__(self, stream: StreamId) -> bool:
        return stream in self._streams

    def stream(self, name: StreamName, secret: bytes | None) -> StreamId:
        """The id that `name` has for the holder of `secret`, None: this node's own."""
        return stream_of(claim_key(secret or self._secret, name), name)

    def publish(
        self,
        name: StreamName,
        media: Media,
        rates_bps: tuple[int, ...],
        secret: bytes | None,
    ) -> StreamId:
        """Publish, or say that media or rates changed.

        Raises `MeshError` where the directory or the forest is full.
        """
        key = claim_key(secret or self._secret, name)
        stream = stream_of(key, name)
        mine = self._streams.get(stream)
        node, tell = self._driver.node, self._driver.tell
        if mine is None:
            mine = Publication(name, key, self._claim(key, name), media, rates_bps)
        mine.media, mine.rates_bps = media, rates_bps
        tell("announce", node.announce, mine.claim, media)
        self._streams[stream] = mine
        tell("publish", node.publish, stream, rates_bps)
        return stream

    def unpublish(self, stream: StreamId) -> None:
        """End a stream; unknown ones are fine."""
        if self._streams.pop(stream, None) is not None:
            node, tell = self._driver.node, self._driver.tell
            tell("unpublish", node.unpublish, stream)
            tell("unannounce", node.unannounce, stream)

    def lost(self, stream: StreamId) -> None:
        """Somebody claimed the stream for another node: it is no longer ours to end."""
        if self._streams.pop(stream, None) is not None:
            self._driver.tell("unpublish", self._driver.node.unpublish, stream)

    def renew(self) -> None:
        """Claim anew what will be over; call now and then."""
        soon_ms = self._wall_ms() + int(RENEW_S * 1000)
        for mine in self._streams.values():
            if mine.claim.expires_ms < soon_ms:
                mine.claim = self._claim(mine.key, mine.name)
                self._driver.tell(
                    "announce", self._driver.node.announce, mine.claim, mine.media
                )

    def _claim(self, key: Ed25519PrivateKey, name: StreamName) -> Claim:
        node, wall_ms = self._driver.node, self._wall_ms()
        held = node.directory.claim(stream_of(key, name))
        counter = wall_ms if held is None else max(wall_ms, held.counter + 1)
        return make_claim(key, name, node.me, counter, wall_ms)
