"""A WHEP player that decodes nothing: a stream of a node in, RTP packets out.

    async with PacketPlayer(url) as player:
        player.deliver(sink)

Packets may come before anybody is ready for them; the first ones are kept, because they
begin with a key frame that nobody wants to ask for twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any, Protocol

from meshnode.client import raw
from meshnode.client.peer import Peer
from meshnode.client.player import KINDS, Player
from meshnode.recording.recording import Report, TrackInfo
from meshnode.recording.reorder import Packet
from meshproto.wire.parameters import MediaKind

EARLY_MAX = 512
KEY_FRAME_S = 1.0


class Sink(Protocol):
    """Who gets the packets."""

    def offer(self, track: int, item: Packet | Report) -> bool:
        """Take one; False where it had to be dropped."""

    def wants_key(self, track: int) -> bool:
        """Whether only a key frame would help."""


class PacketPlayer(Player):
    """Plays a stream without decoding it.  Keywords are those of `Player`."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._transceivers: list[Any] = []
        self._places: dict[int, int] = {}
        self._sink: Sink | None = None
        self._early: deque[tuple[int, Packet | Report]] = deque(maxlen=EARLY_MAX)
        self._asked_s: dict[int, float] = {}

    @property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """The tracks that the server agreed to send."""
        return tuple(info for _, info in self._agreed())

    def deliver(self, sink: Sink) -> None:
        """Hand everything to `sink` from now on, what came already first."""
        agreed = self._agreed()
        self._places = {each: place for place, (each, _) in enumerate(agreed)}
        self._sink = sink
        while self._early:
            self._hand_on(*self._early.popleft())

    def sized(self, width: int, height: int) -> None:
        """What the picture's size is, for who reads `sample`: nobody decodes here."""
        self._meter.width, self._meter.height = width, height

    def _agreed(self) -> list[tuple[int, TrackInfo]]:
        self._connected()
        found = []
        for number, transceiver in enumerate(self._transceivers):
            codec = raw.agreed(transceiver)
            if transceiver.currentDirection == "recvonly" and codec is not None:
                kind = MediaKind(transceiver.kind)
                found.append((number, TrackInfo(kind, *codec)))
        return found

    def _new_peer(self, loopback: bool) -> Peer:
        return Peer(loopback=loopback, codecs=raw.offering_more)

    def _prepare(self, peer: Peer) -> None:
        for number, kind in enumerate(KINDS):
            transceiver = peer.connection.addTransceiver(kind, direction="recvonly")
            self._transceivers.append(transceiver)
            raw.tap(
                transceiver.receiver,
                partial(self._came, number),
                partial(self._reported, number),
            )
        peer.connection.on("track", self._read)

    def _came(self, number: int, codec: str, packet: Any) -> bool:
        now_s = asyncio.get_running_loop().time()
        if packet.marker and KINDS[number] == "video":
            self._meter.frames += 1
        came = Packet(
            codec,
            packet.sequence_number,
            packet.timestamp,
            bool(packet.marker),
            packet.payload,
            now_s,
        )
        self._hand_on(number, came)
        return self._must_ask(number, now_s)

    def _reported(self, number: int, ntp: int, timestamp: int) -> None:
        self._hand_on(number, Report(ntp, timestamp))

    def _hand_on(self, number: int, item: Packet | Report) -> None:
        if self._sink is None:
            self._early.append((number, item))
        elif number in self._places and not self._sink.offer(
            self._places[number], item
        ):
            self.dropped += 1

    def _must_ask(self, number: int, now_s: float) -> bool:
        """Whether to ask for a key frame: in need, and not all the time."""
        place = self._places.get(number)
        if self._sink is None or place is None or KINDS[number] != "video":
            return False
        due_s = self._asked_s.get(number, float("-inf")) + KEY_FRAME_S
        if now_s < due_s or not self._sink.wants_key(place):
            return False
        self._asked_s[number] = now_s
        return True
