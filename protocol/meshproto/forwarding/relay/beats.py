"""Signs of life and clocks for children (RFC 0003 section 13.5).

A standby child gets the stream's newest number when packets come, and at least every
50 ms; any child gets a keep-alive when nothing else went to it for 30 ms.  One timer
per neighbour does both for all its legs, and also re-issues the
publisher's sender reports under each leg's SSRCs: sound and picture are put together at
the last hop, from the same times as at the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from meshproto.forwarding.clock import ntp_bits
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.relay import wire
from meshproto.forwarding.relay.stream import LONG_AGO, Leg, Neighbour, Stream
from meshproto.forwarding.state import State, Timer
from meshproto.wire import rtcp

_GRID_HZ = 100
_AGAIN_S = 0.025
"""The least time that an Activate is given."""

_CLOCK_SOON_S = 0.1
"""A leg that began before anything could be told is looked at again."""

_REPORTS_MAX = 32
"""Sender reports in one datagram: 900 octets."""


class Beats:
    """Posts RTCP to children."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._config = state.config

    def start(self, neighbour: Neighbour, now: float) -> None:
        """A leg to the neighbour began."""
        self._state.agenda.no_later((Timer.BEAT, neighbour), now)

    def tick(self, neighbour: Neighbour, now: float) -> None:
        """What is due to the neighbour."""
        if not neighbour.legs:
            return
        legs = list(neighbour.legs.values())
        if neighbour.ready is not None:
            self._due(neighbour, legs, now)
        self._state.agenda.at((Timer.BEAT, neighbour), self._next(neighbour, now))

    def _due(self, neighbour: Neighbour, legs: list[Leg], now: float) -> None:
        config = self._config
        late = now + 1 / _GRID_HZ
        standby = [leg for leg in legs if leg.standby]
        if any(leg.beat_at + config.heartbeat_s < late for leg in standby):
            self._beat(neighbour, standby, now)
        active = [leg for leg in legs if not leg.standby]
        for leg in active:
            if now - leg.reported_at >= config.report_s:
                self.report(leg, now)
        if active and neighbour.sent + config.keep_alive_s < late:
            self._post(neighbour, wire.KeepAlive(), now)

    def _next(self, neighbour: Neighbour, now: float) -> float:
        """On a grid, so that a node with many children wakes up a hundred times a
        second at most; rounded down, for the intervals are promises.
        """
        config, soonest = self._config, now + 1 / _GRID_HZ
        due = [
            leg.beat_at + config.heartbeat_s
            if leg.standby
            else neighbour.sent + config.keep_alive_s
            for leg in neighbour.legs.values()
        ]
        when = math.floor(max(min(due), soonest) * _GRID_HZ) / _GRID_HZ
        return when if when > now else soonest

    def follow(self, stream: Stream, now: float) -> None:
        """The stream's newest number moved: standby children hear of it."""
        gap_s = self._config.heartbeat_gap_s
        for leg in stream.legs.values():
            if leg.standby and now - leg.beat_at >= gap_s:
                self._beat(leg.neighbour, [leg], now)

    def activate(self, stream: Stream, now: float) -> None:
        """Ask the active leg to begin behind what is here."""
        active = stream.active
        assert active is not None
        stream.activate_at = now + max(active.neighbour.rtt_s * 1.25, _AGAIN_S)
        message = wire.Activate(((active.alias, stream.newest + 1),))
        self._post(active.neighbour, message, now)

    def report(self, leg: Leg, now: float) -> None:
        """The clocks of everything that the leg carries."""
        transport = leg.neighbour.ready
        reports = list(self._reports(leg, now))
        waited_s = 0.0 if reports else self._config.report_s - _CLOCK_SOON_S
        leg.reported_at = now - waited_s
        if transport is None:
            return
        for start in range(0, len(reports), _REPORTS_MAX):
            # first a packet of ours: SRTCP counts by the SSRC that it begins with
            own = rtcp.ReceiverReport(transport.ssrc, ())
            some = reports[start : start + _REPORTS_MAX]
            self._state.rtcp.append((transport.id, rtcp.build([own, *some])))
            leg.neighbour.sent = now

    def clock_found(self, stream: Stream) -> None:
        """A layer got its first report: children wait for it."""
        for leg in stream.legs.values():
            leg.reported_at = LONG_AGO

    def _reports(self, leg: Leg, now: float) -> Iterator[rtcp.SenderReport]:
        for index, slot in leg.stream.slots.items():
            layer = slot.layer
            if layer is None or not leg.wanted >> index & 1:
                continue
            mapped = self._mapping(layer, leg.stream.origin, now)
            if mapped is not None:
                ssrc = leg.alias + index & 0xFFFFFFFF
                yield rtcp.SenderReport(ssrc, *mapped, 0, 0)

    def _mapping(
        self, layer: Layer, origin: bool, now: float
    ) -> tuple[int, int] | None:
        """NTP time and timestamp of this instant.  The origin moves its publisher's
        times to its own clock, as for viewers, so that times of arrival fit in.
        """
        clock, newest = layer.clock, layer.newest
        if clock.ntp_s is not None:
            ntp_s = clock.ntp_s + (now - clock.received)
            timestamp = clock.timestamp_at(ntp_s) or 0
            publisher = self._state.publisher(layer) if origin else None
            shift_s = None if publisher is None else publisher.clock.shift_s
            return ntp_bits(ntp_s + (shift_s or 0.0)), timestamp
        if not origin or newest is None:
            return None
        ticks = round((now - newest.arrival) * layer.clock_rate_hz)
        ntp_s = now + self._config.ntp_offset_s
        return ntp_bits(ntp_s), newest.timestamp + ticks & 0xFFFFFFFF

    def _beat(self, neighbour: Neighbour, legs: list[Leg], now: float) -> None:
        known = [leg for leg in legs if leg.stream.newest >= 0]
        for start in range(0, len(known), wire.ENTRIES_MAX):
            some = known[start : start + wire.ENTRIES_MAX]
            entries = tuple((leg.alias, leg.stream.newest) for leg in some)
            self._post(neighbour, wire.Heartbeat(entries), now)
        for leg in legs:
            leg.beat_at = now

    def _post(self, neighbour: Neighbour, message: wire.Message, now: float) -> None:
        transport = neighbour.ready
        if transport is not None:
            packet = wire.encode(message, transport.ssrc)
            self._state.rtcp.append((transport.id, packet))
            neighbour.sent = now
