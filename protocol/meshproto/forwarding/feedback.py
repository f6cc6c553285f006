"""What we ask of a publisher's packets: which are missing, and when each came.

`NackGenerator` follows the numbers of one layer.  A gap is asked for at once, after
everything that arrived together was looked at (so a mere swap inside one batch costs
nothing), and again every round trip, until it is filled, tried often enough or too old
to be of use (RFC 4585 section 6.2.1).  From the fourth time on the rounds grow longer:
who did not answer three times may be about to be replaced.  `ArrivalRecorder` keeps the
arrival times that transport-wide feedback reports.
"""

from __future__ import annotations

from collections import OrderedDict

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.sequence import nearest
from meshproto.wire import twcc

_RTT_START_S = 0.05
_SLACK_S = 0.01
"""What a publisher's pacer may add to the round trip."""

_RETRY_MAX_S = 0.25
_EAGER = 2
"""Rounds as long as a round trip allows; each one after the next is longer by one."""

_RECORDED_MAX = 4096
_REMEMBERED = 512


class _Missing:
    __slots__ = ("asked", "asked_at", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.asked = 0
        self.asked_at = 0.0


class NackGenerator:
    """The missing packets of one layer, by extended number, oldest first.

    `rtt_s` is learnt from answers.  A packet that was merely late looks like a quick
    one, so `path_s`, the round trip that whoever is asked was measured to have (0:
    unknown), counts where it is longer.
    """

    __slots__ = (
        "_config",
        "_highest",
        "_missing",
        "_path_s",
        "abandoned",
        "recovered",
        "requested",
        "rtt_s",
    )

    def __init__(self, config: ForwardingConfig) -> None:
        self._config = config
        self._missing: OrderedDict[int, _Missing] = OrderedDict()
        self._highest: int | None = None
        self.rtt_s = _RTT_START_S
        self._path_s = 0.0
        self.requested = 0
        self.recovered = 0
        self.abandoned = 0

    def __len__(self) -> int:
        return len(self._missing)

    def received(self, number: int, now: float) -> bool:
        """Packet `number` is here.  False: so much is missing that asking is vain, and
        only a key frame helps; the list was emptied.
        """
        highest = self._highest
        if highest is None or number == highest + 1:
            self._highest = number
            return True
        if number <= highest:
            self._found(number, now)
            return True
        self._highest = number
        if number - highest - 1 + len(self._missing) > self._config.nack_outstanding:
            self.abandoned += number - highest - 1 + len(self._missing)
            self._missing.clear()
            return False
        for missing in range(highest + 1, number):
            self._missing[missing] = _Missing(now)
        return True

    def want(self, number: int, now: float) -> None:
        """A viewer misses `number` and the history has it not: ask once more."""
        full = len(self._missing) >= self._config.nack_outstanding
        if self._highest is None or number > self._highest or full:
            return
        self._missing.setdefault(number, _Missing(now))

    def restart(self) -> None:
        """The source began anew: nothing is missing."""
        self._missing.clear()
        self._highest = None

    def renew(self, now: float) -> None:
        """Somebody else is asked from now on: of him nothing was wanted yet."""
        for missing in self._missing.values():
            missing.since, missing.asked = now, 0

    def due(self, now: float, path_s: float = 0.0) -> tuple[list[int], bool]:
        """The numbers to ask for now, in order, and whether any was given up."""
        self._path_s = path_s
        retries = self._config.nack_retries
        asked, gone = [], []
        for number, missing in self._missing.items():
            if now >= missing.since + self._config.nack_give_up_s:
                gone.append(number)
            elif now < self._due_at(missing):
                continue
            elif missing.asked >= retries:
                gone.append(number)
            else:
                missing.asked += 1
                missing.asked_at = now
                asked.append(number)
        for number in gone:
            del self._missing[number]
        self.abandoned += len(gone)
        self.requested += len(asked)
        return sorted(asked), bool(gone)

    def next_timeout(self) -> float | None:
        """When `due` has something to say."""
        if not self._missing:
            return None
        give_up_s = self._config.nack_give_up_s
        return min(
            min(self._due_at(missing), missing.since + give_up_s)
            for missing in self._missing.values()
        )

    def _due_at(self, missing: _Missing) -> float:
        if not missing.asked:
            return missing.since
        return missing.asked_at + self._retry_s() * max(1, missing.asked - _EAGER)

    def _retry_s(self) -> float:
        rtt_s = max(self.rtt_s, self._path_s)
        return min(max(1.5 * rtt_s, rtt_s + _SLACK_S), _RETRY_MAX_S)

    def _found(self, number: int, now: float) -> None:
        missing = self._missing.pop(number, None)
        if missing is None or not missing.asked:
            return
        self.recovered += 1
        if missing.asked == 1:  # else it is unknown which request was answered
            weight = 1.0 if self.recovered == 1 else 1 / 8
            self.rtt_s += weight * (now - missing.asked_at - self.rtt_s)


class ArrivalRecorder:
    """Arrival times of a transport's packets by transport-wide number.

    What was reported is remembered for a while: when a late packet makes a report
    start further back, the numbers behind it must not read as lost.
    """

    __slots__ = ("_arrivals", "_count", "_fresh", "_next")

    def __init__(self) -> None:
        self._arrivals: dict[int, int] = {}
        self._fresh: int | None = None
        self._next: int | None = None
        self._count = 0

    def __bool__(self) -> bool:
        return self._fresh is not None

    def record(self, sequence: int, now: float) -> None:
        """The packet with this 16 bit number came now."""
        if self._next is None:
            self._next = sequence
        number = nearest(sequence, self._next)
        if abs(number - self._next) > _RECORDED_MAX:
            self._arrivals.clear()  # another sender numbers now
            self._next = self._fresh = number
        self._arrivals[number] = int(now * 1_000_000)
        if self._fresh is None or number < self._fresh:
            self._fresh = number

    def take(self, sender_ssrc: int, media_ssrc: int) -> list[bytes]:
        """Feedback packets for everything recorded since the last time."""
        if self._fresh is None or self._next is None:
            return []
        kept = self._arrivals
        end = max(self._next, max(kept) + 1)
        arrivals: list[twcc.Arrival] = [
            (number & 0xFFFF, kept.get(number))
            for number in range(min(self._fresh, self._next), end)
        ]
        self._next, self._fresh = end, None
        self._arrivals = {n: t for n, t in kept.items() if n > end - _REMEMBERED}
        packets = []
        while arrivals:
            packet, taken = twcc.build(sender_ssrc, media_ssrc, self._count, arrivals)
            self._count = (self._count + 1) & 0xFF
            packets.append(packet)
            del arrivals[:taken]
        return packets
