"""Silence and the second leg: what a plane decides on its own (RFC 0003 section 13.5).

A stream is silent when nothing new came over any leg for a while.  When the active leg
is dead - its node gives no sign of life either - and heartbeats of the standby show
that there is more, the standby becomes the active leg at once; the brain hears of it
afterwards.  When the parent lives, only its own subtree can tell more, so the brain
decides.  At the origin the same silence is the publisher's.

Whoever judges late was away itself: a driver takes what waits in its sockets before it
lets deadlines come due, so silence is the neighbour's and not our own.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshproto.forwarding.relay.beats import Beats
from meshproto.forwarding.relay.stream import Neighbour, Stream, Upper
from meshproto.forwarding.relay_table import Activated, Second, Silent
from meshproto.forwarding.state import State, Timer

_AGAIN_S = 0.025
"""Between two looks at a silence that goes on: a step of the common grid."""

_GAPS = 3
"""A silence is at least so many of the stream's usual gaps."""

_LATENESSES = 4
"""A keep-alive may be so many times later than keep-alives use to be."""

_BEATS_KNOWN_S = 0.2
"""A heartbeat that is older says nothing about a standby: four went missing."""


class Switch:
    """Judges silences; `Activated` and `Silent` are told when they happen."""

    def __init__(self, state: State, beats: Beats) -> None:
        self._state = state
        self._config = state.config
        self._beats = beats

    def judge(self, stream: Stream, now: float) -> None:
        """Look whether the stream is silent, and set the next look."""
        if stream.origin:
            self._publisher(stream, now)
        elif stream.active is not None:
            self._legs(stream, now)
        self._arm(stream, now)

    def _publisher(self, stream: Stream, now: float) -> None:
        if not stream.silent and now - stream.fresh >= self._patience_s(stream):
            self._tell(stream, alive=False)

    def _legs(self, stream: Stream, now: float) -> None:
        active = stream.active
        assert active is not None
        if stream.waiting and now >= stream.activate_at:
            # why again: an Activate is a datagram, and may have been lost
            self._beats.activate(stream, now)
        alive = self._alive(active.neighbour, now)
        if not alive and self._take_second(stream, active, now):
            return
        quiet_s = now - max(stream.fresh, stream.began)
        if quiet_s < self._patience_s(stream):
            return
        if not stream.silent or (stream.stalled and not alive):
            self._tell(stream, alive)

    def _take_second(self, stream: Stream, active: Upper, now: float) -> bool:
        """Make the second leg the active one, if it has what the active one lacks."""
        second = stream.second
        if second is None or now < max(stream.began, active.since) + self._least_s:
            return False
        if second.use is Second.STANDBY:
            ready = self._ahead(stream, second, now)
        else:
            ready = second.use is Second.DUAL and self._carries(second, now)
        if not ready:
            return False
        standby = second.use is Second.STANDBY
        stream.active, stream.second = second, None
        second.use = None
        self._drop(active)
        stream.silent = False
        stream.began = now
        notice = Activated(stream.id, second.neighbour.node, stream.newest + 1)
        if standby:
            # why later: the Activate must get there, and the packets come back
            stream.began += second.neighbour.rtt_s
            stream.waiting = True
            self._beats.activate(stream, now)
        self._state.events.append(notice)
        self._state.watch_all(stream, now)
        return True

    def _ahead(self, stream: Stream, second: Upper, now: float) -> bool:
        if now < stream.fresh + self._least_s or now - second.told_at > _BEATS_KNOWN_S:
            return False
        return second.told >= stream.newest + self._config.activate_packets

    def _carries(self, second: Upper, now: float) -> bool:
        return self._alive(second.neighbour, now) and second.packets > 0

    def _drop(self, upper: Upper) -> None:
        forget(upper)

    @property
    def _least_s(self) -> float:
        return self._config.silence_of_legs_s

    def _alive(self, neighbour: Neighbour, now: float) -> bool:
        return now < self._dead_at(neighbour)

    def _dead_at(self, neighbour: Neighbour) -> float:
        """When a neighbour counts as dead if nothing more comes from it."""
        usual_s = self._config.keep_alive_s + _LATENESSES * neighbour.jitter_s
        return neighbour.heard + max(self._least_s, usual_s)

    def _patience_s(self, stream: Stream) -> float:
        return max(self._least_s, _GAPS * stream.gap_s)

    def _tell(self, stream: Stream, alive: bool) -> None:
        stream.silent, stream.stalled = True, alive
        self._state.events.append(Silent(stream.id, alive))

    def _arm(self, stream: Stream, now: float) -> None:
        """The next look: at the end of the shortest patience, or soon again."""
        agenda, key = self._state.agenda, (Timer.JUDGE, stream)
        if stream.origin:
            if not stream.silent:
                due = stream.fresh + self._patience_s(stream)
                agenda.at(key, max(due, now + _AGAIN_S / 5))
            return
        if stream.active is None:
            return
        ahead = [at for at in self._moments(stream) if at > now]
        if ahead:
            agenda.at(key, min(ahead))
        elif self._undecided(stream):
            agenda.again(key, now + _AGAIN_S)

    def _moments(self, stream: Stream) -> Iterator[float]:
        """When what is judged can change by time alone."""
        active = stream.active
        assert active is not None
        quiet_since = max(stream.fresh, stream.began)
        yield quiet_since + self._patience_s(stream)
        if stream.second is not None:
            yield max(quiet_since, active.since) + self._least_s
        if stream.second is not None or stream.stalled:
            # why to the moment: a step of the grid more is a third of a repair
            yield self._dead_at(active.neighbour)
        if stream.waiting:
            yield stream.activate_at

    def _undecided(self, stream: Stream) -> bool:
        """Whether time alone can change what is to be told."""
        pending = not stream.silent or stream.stalled or stream.waiting
        return pending or stream.second is not None


def forget(upper: Upper) -> None:
    """The leg brings nothing more: its SSRCs mean nothing now."""
    uppers = upper.neighbour.uppers
    for ssrc in [s for s, (leg, _) in uppers.items() if leg is upper]:
        del uppers[ssrc]
