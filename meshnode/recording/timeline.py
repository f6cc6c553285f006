"""When a frame is, on the one time line of a recording.

Timestamps count each track's own clock from a random start.  Sender reports say which
NTP time a timestamp stands for (RFC 3550 section 6.4.1), the same clock for all tracks
of a sender, and so they alone tell how sound and picture belong together; arrival does
not, because a key frame that is replayed to a newcomer is older than what follows it.
A track without reports is placed by the arrival of its packets, relative to the others.

Browsers send their first report up to five seconds after their first packet, and what
a node reports to its viewers until then is a guess from arrivals, which nothing tells
from the truth.  So where several tracks begin, or go on after an interruption, what
comes is not placed before `SETTLE_S` have passed, and then by the newest reports.
Later each track follows its newest report by a few per cent of the time that passes,
for clocks of sound cards drift, and nothing shall jump.  Between two sessions the time
line goes on by the clock of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from meshproto.forwarding.clock import ntp_seconds

SETTLE_S = 6.0
"""How long reports may be guesses: a publisher's own come every five seconds at least,
and a node's to its viewers every second.  A track without any goes by its arrivals.
"""
GAP_S = 0.5
"""A silence of all tracks that says more: Opus pauses for 0.4 s at most."""
SLEW = 0.05
JUMP_S = 1.0
"""A clock that is off by more was set: begin anew."""
STEP_S = 0.001


@dataclass(slots=True)
class _Clock:
    """One track: NTP seconds = timestamp / rate + offset."""

    rate_hz: int
    reported_s: float | None = None
    offset_s: float | None = None
    arrival_s: float | None = None
    last_s: float = field(default=float("-inf"))
    followed_s: float = 0.0

    def report(self, ntp: int, timestamp: int) -> None:
        self.reported_s = ntp_seconds(ntp) - timestamp / self.rate_hz

    def arrived(self, timestamp: int, at_s: float) -> None:
        """The least delayed packet says most about when it was sent."""
        late_s = at_s - timestamp / self.rate_hz
        if self.arrival_s is None or late_s < self.arrival_s:
            self.arrival_s = late_s

    def wrong_s(self) -> float:
        """How far the offset in use lies from the newest report."""
        if self.reported_s is None or self.offset_s is None:
            return 0.0
        return abs(self.reported_s - self.offset_s)

    def forget(self) -> None:
        self.reported_s = self.offset_s = self.arrival_s = None

    def follow(self, timestamp: int) -> float:
        """The NTP time of a timestamp, with the offset on its way to the report's."""
        now_s = timestamp / self.rate_hz
        assert self.offset_s is not None
        if self.reported_s is not None:
            most_s = SLEW * max(0.0, now_s - self.followed_s)
            wrong_s = self.reported_s - self.offset_s
            self.offset_s += max(-most_s, min(most_s, wrong_s))
        self.followed_s = max(self.followed_s, now_s)
        return now_s + self.offset_s


class Timeline:
    """The clocks of all tracks.  Times out are seconds from the start, never falling
    within a track.
    """

    def __init__(self) -> None:
        self._clocks: dict[int, _Clock] = {}
        self._began_s: float | None = None
        self._epoch_s: float | None = None
        self._doubted = False
        self._heard_s = float("-inf")
        self.began_at_s: float | None = None
        """When what is at 0 arrived, None before there is anything."""
        self._end_s = 0.0
        self._ended_at_s: float | None = None

    @property
    def end_s(self) -> float:
        """The time of the latest frame so far."""
        return self._end_s

    @property
    def started(self) -> bool:
        """Whether it is known where the session begins."""
        return self._epoch_s is not None

    def begin(self, rates_hz: dict[int, int]) -> None:
        """A session begins: the clock rate of each track."""
        self._began_s = self._epoch_s = None
        self._doubted = False
        for track, rate_hz in rates_hz.items():
            clock = self._clocks.get(track)
            if clock is None or clock.rate_hz != rate_hz:
                last_s = float("-inf") if clock is None else clock.last_s
                self._clocks[track] = _Clock(rate_hz, last_s=last_s)
            else:
                clock.forget()
        for track in set(self._clocks) - set(rates_hz):
            del self._clocks[track]

    def report(self, track: int, ntp: int, timestamp: int) -> None:
        """A sender report; `timestamp` extended as the frames' are."""
        clock = self._clocks.get(track)
        if clock is None or not ntp:
            return
        clock.report(ntp, timestamp)
        if clock.wrong_s() > JUMP_S:
            self._anew()

    def arrived(self, track: int, timestamp: int, at_s: float) -> None:
        """A frame of the track came."""
        if self._began_s is None:
            self._began_s = at_s
        elif self._epoch_s is not None and at_s - self._heard_s > GAP_S:
            # why: another publisher may be there by now, and guesses again
            self._began_s, self._doubted = at_s, True
        self._heard_s = max(self._heard_s, at_s)
        self._clocks[track].arrived(timestamp, at_s)

    def ready(self, now_s: float) -> bool:
        """Whether `at` can tell."""
        if self._epoch_s is not None and not self._doubted:
            return True
        if self._began_s is None:
            return False
        if now_s - self._began_s >= SETTLE_S:
            return True
        # why not for one: there is nothing that it must fit
        reported = [clock.reported_s is not None for clock in self._clocks.values()]
        return reported == [True]

    def settle(self) -> None:
        """What was held after a gap is to be placed: by the newest reports, at once."""
        if self._doubted:
            self._doubted = False
            for clock in self._clocks.values():
                clock.followed_s = float("-inf")

    def start(self, track: int, timestamp: int, at_s: float) -> None:
        """Fix where the session begins: with this frame, the first to be written."""
        shifts = [
            clock.reported_s - clock.arrival_s
            for clock in self._clocks.values()
            if clock.reported_s is not None and clock.arrival_s is not None
        ]
        shift_s = max(shifts, default=0.0)
        for clock in self._clocks.values():
            if clock.reported_s is not None:
                clock.offset_s = clock.reported_s
            elif clock.arrival_s is not None:
                clock.offset_s = clock.arrival_s + shift_s
            clock.followed_s = float("-inf")
        resumed_s = 0.0
        if self._ended_at_s is not None:
            resumed_s = self._end_s + max(STEP_S, at_s - self._ended_at_s)
        clock = self._clocks[track]
        assert clock.offset_s is not None
        first_s = timestamp / clock.rate_hz + clock.offset_s
        self._epoch_s = first_s - resumed_s
        if self.began_at_s is None:
            self.began_at_s = at_s

    def at(self, track: int, timestamp: int, at_s: float) -> float:
        """When a frame is; below 0 for one that is older than the recording."""
        clock = self._clocks[track]
        if clock.offset_s is None:
            self._late(clock, timestamp, at_s)
        assert self._epoch_s is not None
        time_s = clock.follow(timestamp) - self._epoch_s
        if clock.last_s >= 0:
            time_s = max(time_s, clock.last_s + STEP_S)
        if time_s >= 0:
            clock.last_s = time_s
        if time_s >= self._end_s:
            self._end_s, self._ended_at_s = time_s, at_s
        return time_s

    def _late(self, clock: _Clock, timestamp: int, at_s: float) -> None:
        """A track that had sent nothing at the start."""
        if clock.reported_s is not None:
            clock.offset_s = clock.reported_s
        else:
            assert self._ended_at_s is not None
            assert self._epoch_s is not None
            now_s = self._epoch_s + self._end_s + at_s - self._ended_at_s
            clock.offset_s = now_s - timestamp / clock.rate_hz
        clock.followed_s = timestamp / clock.rate_hz

    def _anew(self) -> None:
        """A clock was set.  Where the session is, is found out again."""
        self._began_s = self._epoch_s = None
        self._doubted = False
        for clock in self._clocks.values():
            clock.offset_s = clock.arrival_s = None
