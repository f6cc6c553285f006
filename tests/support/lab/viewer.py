"""A viewer that decodes nothing and remembers everything: which packet came when.

It opens every packet of `source.py` (many viewers share a process) and keeps for each
track the numbers and the kernel's time stamps of their arrival.  From that follow the
figures of a repair: how long nothing new came, what was lost for good, what came twice.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import math
import socket
from array import array
from dataclasses import dataclass
from typing import Any

from bench.load import drain, tune
from meshproto.errors import DecodeError
from meshproto.wire import rtp
from support.lab.sessions import LabClient, RefusedError, open_session, request
from support.lab.source import TRACKS, VIDEO, read_label
from support.light_client import UDP_GRO

NOT_YET = (404, 409, 503)
AGAIN_S = 0.25
OPEN_DEADLINE_S = 30.0


@dataclass
class Track:
    """What arrived of one track, in order of arrival."""

    numbers: array[int]
    times: array[float]
    ages: array[float]

    @classmethod
    def empty(cls) -> Track:
        """Nothing yet."""
        return cls(array("q"), array("d"), array("f"))

    def since(self, begin: float, end: float = math.inf) -> range:
        """Positions of what arrived between two times."""
        return range(
            bisect.bisect_left(self.times, begin), bisect.bisect_right(self.times, end)
        )


@dataclass(frozen=True)
class Gap:
    """The longest silence of a window."""

    began: float
    ended: float

    @property
    def ms(self) -> float:
        """Its length."""
        return (self.ended - self.began) * 1000


@dataclass(frozen=True)
class Tally:
    """Packets of a window: never came, came again, all that came."""

    lost: int
    duplicates: int
    packets: int


class _Client(LabClient):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.tracks = [Track.empty() for _ in TRACKS]
        self.foreign = 0

    def _open(self, source: str) -> None:
        super()._open(source)
        # joined datagrams would share one time stamp
        self._socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 0)
        tune(self._socket)

    def _readable(self) -> None:
        for data, arrived in drain(self._socket, lambda _: True):
            if self._loop is None:
                return
            if not 128 <= data[0] < 192 or 192 <= data[1] < 224:
                self._datagram(data)
            elif self.inbound is not None:
                self._note(data, arrived)

    def _note(self, data: bytes, arrived: float) -> None:
        self.packets += 1
        assert self.inbound is not None
        try:
            plain = self.inbound.unprotect(data)
        except DecodeError as error:
            self.counters[error.reason] += 1
            return
        found = read_label(rtp.payload(plain, rtp.parse(plain)))
        if found is None:  # a retransmission, or padding
            self.foreign += 1
            return
        track = self.tracks[found[0]]
        track.numbers.append(found[1])
        track.times.append(arrived)
        track.ages.append(arrived - found[2])


class Viewer:
    """One connected viewer of one stream."""

    def __init__(self, client: _Client, namespace: str, session: str) -> None:
        self._client = client
        self.namespace = namespace
        self.session = session

    @classmethod
    async def open(
        cls, namespace: str, url: str, deadline_s: float = OPEN_DEADLINE_S
    ) -> Viewer:
        """Watch a WHEP URL from inside a namespace.

        A stream that the node has not heard of yet is asked for again.
        """
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    client, session = await open_session(
                        _Client, namespace, url, "recvonly"
                    )
                except RefusedError as refused:
                    if refused.status not in NOT_YET:
                        raise
                    await asyncio.sleep(AGAIN_S)
                else:
                    return cls(client, namespace, session)

    async def close(self) -> None:
        """Leave as a well-behaved client does; a dead node does not matter."""
        with contextlib.suppress(OSError):
            await asyncio.to_thread(request, self.namespace, "DELETE", self.session)
        self._client.close()

    def track(self, track: int = VIDEO) -> Track:
        """What arrived of a track."""
        return self._client.tracks[track]

    @property
    def counters(self) -> dict[str, int]:
        """What the client counted, refused packets by reason among it."""
        return dict(self._client.counters) | {"foreign": self._client.foreign}

    def packets_since(self, begin: float, track: int = VIDEO) -> int:
        """How many packets arrived after a time."""
        return len(self.track(track).since(begin))

    async def sees(self, count: int, deadline_s: float = 15.0) -> None:
        """Wait until so many further packets of the picture have come."""
        wanted = len(self.track().times) + count
        async with asyncio.timeout(deadline_s):
            while len(self.track().times) < wanted:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)

    # -- figures -----------------------------------------------------------------------

    def news(self, begin: float, end: float, *tracks: int) -> list[float]:
        """When *new* packets came between two times, by default of all tracks.

        Whatever repeats what had come already is no news.
        """
        times = []
        for track in tracks or range(len(TRACKS)):
            kept = self.track(track)
            newest = max((kept.numbers[at] for at in kept.since(0, begin)), default=-1)
            for at in kept.since(begin, end):
                if kept.numbers[at] > newest:
                    newest = kept.numbers[at]
                    times.append(kept.times[at])
        return sorted(times)

    def gap(
        self, begin: float, end: float, *tracks: int, began_by: float = math.inf
    ) -> Gap:
        """The longest time without news between two times; see `news`.

        Of those silences only that began no later than `began_by`.
        """
        longest, last = Gap(begin, begin), begin
        for came in (*self.news(begin, end, *tracks), end):
            if last <= began_by:
                longest = max(longest, Gap(last, came), key=lambda gap: gap.ms)
            last = came
        return longest

    def tally(self, begin: float, end: float, track: int = VIDEO) -> Tally:
        """What became of the packets after the newest one before `begin`, up to the
        newest one before `end`.
        """
        kept = self.track(track)
        before = [kept.numbers[at] for at in kept.since(0, begin)]
        seen = [kept.numbers[at] for at in kept.since(begin, end)]
        if not seen:
            return Tally(0, 0, 0)
        first = max(before) + 1 if before else min(seen)
        # late repairs count as arrived, whenever they came
        later = {*before, *(kept.numbers[at] for at in kept.since(begin))}
        lost = sum(number not in later for number in range(first, max(seen) + 1))
        again = len(seen) - len(set(seen).difference(before))
        return Tally(lost, again, len(seen))

    def age_ms(self, begin: float, end: float, track: int = VIDEO) -> float:
        """The median time from the publisher to here."""
        kept = self.track(track)
        ages = sorted(kept.ages[at] for at in kept.since(begin, end))
        return ages[len(ages) // 2] * 1000 if ages else float("nan")
