"""The network between hosts: delay, queue, jitter, loss, cuts, and bytes counted.

Hosts are numbers.  `send` is a datagram: it arrives once, twice or never, as
`deliver(*args, arrival)`.  `send_ordered` is a message on a TCP stream between two
hosts: it arrives in order, is never lost, and is refused while a cut lies between them
(the stream breaks).  Nothing here knows what is inside a packet, and a host that has
crashed ignores what is delivered to it.

The order of effects: the sender's uplink (a queue with a rate), cuts, loss, the path's
delay, jitter.  Jitter is queueing, so it does not reorder; `reorder` does.  A packet is
judged when it is sent: one in flight at the instant of a cut still arrives.

The plain case, a path with a delay and nothing else, costs about a microsecond; all
else is state made when a pair first talks (RFC 0012 section 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from meshsim.engine import Engine
from meshsim.partition import Cut
from meshsim.paths import Paths
from meshsim.weather import Burst, Loss, pair_jitter_s


class Kind(IntEnum):
    """What a packet is, for counting; kinds have their own overhead."""

    CONTROL = 0  # a frame of link records over DTLS
    PROBE = 1  # STUN
    MEDIA = 2  # SRTP and SRTCP
    GOSSIP = 3  # libp2p streams over TCP
    SETUP = 4  # ICE and DTLS handshakes


OVERHEAD = (28 + 37, 28, 28 + 16, 40 + 18, 28)
"""Octets below the payload, by kind: IPv4 and UDP 28 or TCP 40, DTLS 1.2 GCM 37, GCM
tag 16, Noise 18."""

RETRANSMISSION_S = 0.2
"""What a lost segment costs a TCP stream on top of a round trip (RFC 6298's floor)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather of the whole network, or of one direction of one pair.

    `jitter` scales the pair's own mean jitter (0 none, 1 as measured); `jitter_s` is a
    mean in seconds instead; `extra_s` is added to the delay; `down` loses everything.
    """

    loss: Loss = field(default_factory=Loss)
    jitter: float = 0.0
    jitter_s: float = 0.0
    extra_s: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_s: float = 0.02
    down: bool = False

    @property
    def calm(self) -> bool:
        """Whether nothing but delay happens."""
        return self == CALM


CALM = Conditions()


class _Pair:
    """One direction between two hosts that has weather."""

    __slots__ = ("burst", "delay_s", "jitter_s", "last", "tidy", "what")

    def __init__(self, what: Conditions, delay_s: float, jitter_s: float) -> None:
        """`delay_s` is that of the path, infinite if it is down."""
        self.what = what
        self.delay_s = math.inf if what.down else delay_s + what.extra_s
        self.jitter_s = jitter_s
        self.tidy = not (what.reorder or what.duplicate)
        self.burst = Burst(what.loss) if what.loss.share else None
        self.last = 0.0


class Network:
    """Carries packets between the hosts of `paths` on the clock of `engine`."""

    def __init__(
        self, engine: Engine, paths: Paths, conditions: Conditions = CALM
    ) -> None:
        size = paths.size
        self.paths = paths
        self.size = size
        self.octets: list[list[int]] = [[0] * size for _ in Kind]
        """Sent by kind and node, overhead included."""
        self.packets: list[int] = [0] * len(Kind)
        self.dropped: dict[str, int] = {}
        self._engine = engine
        self._seed = engine.stream("network/pairs").getrandbits(63)
        self._chance = engine.stream("network").random
        self.conditions = conditions
        self._overrides: dict[int, Conditions] = {}
        self._by_kind: dict[Kind, Burst] = {}
        self._pairs: dict[int, _Pair] = {}
        self._ordered: dict[int, float] = {}
        self._cuts: list[Cut] = []
        self._rate_bps = [math.inf] * size
        self._queue_s = [0.0] * size
        self._free_at = [0.0] * size
        self._lag_s = [0.0] * size
        self._special: set[tuple[str, int]] = set()  # nodes with a rate or a lag
        self._plain = conditions.calm

    # --- sending -----------------------------------------------------------------

    def send(
        self,
        src: int,
        dst: int,
        octets: int,
        kind: Kind,
        deliver: Callable[..., object],
        *args: Any,
        hold_s: float = 0.0,
    ) -> bool:
        """Send a datagram; `deliver(*args, arrival)` if and when it arrives.

        `octets` is the payload; `hold_s` is how long the sender keeps it before it
        leaves.  False says that it will not arrive, which only the simulator may know.
        """
        self.octets[kind][src] += octets + OVERHEAD[kind]
        self.packets[kind] += 1
        engine = self._engine
        if self._plain:
            delay = self.paths.one_way(src, dst) + hold_s
            if delay == math.inf:
                return self._drop("no path")
            at = engine.now + delay
            engine.at(at, deliver, *args, at)
            return True
        pair = self._pairs.get(src * self.size + dst)
        if pair is None:
            pair = self._weather(src, dst)
        wait = hold_s
        if self._special:
            wait += self._uplink(src, octets + OVERHEAD[kind]) + self._lag_s[dst]
        reason = self._obstacle(src, dst, kind, pair, wait)
        if reason is not None:
            return self._drop(reason)
        at = engine.now + wait + pair.delay_s
        if pair.tidy:
            if pair.jitter_s:
                at -= pair.jitter_s * math.log(1.0 - self._chance())
            # why kept in order: jitter is a queue, and queues do not overtake
            at = max(at, pair.last)
            pair.last = at
            engine.at(at, deliver, *args, at)
        else:
            self._untidy(pair, at, deliver, args)
        return True

    def send_ordered(
        self,
        src: int,
        dst: int,
        octets: int,
        kind: Kind,
        deliver: Callable[..., object],
        *args: Any,
    ) -> bool:
        """Send a message on the stream of the pair; False if the stream is broken.

        A lost segment delays it, and all behind it, by a round trip and 200 ms.
        """
        self.octets[kind][src] += octets + OVERHEAD[kind]
        self.packets[kind] += 1
        now = self._engine.now
        delay = self.paths.one_way(src, dst)
        if not self._plain:
            pair = self._weather(src, dst)
            delay = pair.delay_s
            if delay == math.inf or self.is_cut(src, dst):
                return self._drop("stream broken")
            delay += self._uplink(src, octets + OVERHEAD[kind]) + self._lag_s[dst]
            sent = now
            while pair.burst is not None and pair.burst.lost(now, self._chance):
                now += 2.0 * delay + RETRANSMISSION_S
            if pair.burst is not None and now > sent:
                # why: the burst's clock went ahead; what is sent now is before it
                pair.burst = Burst(pair.what.loss)
            now += self._jitter(pair)
        elif delay == math.inf:
            return self._drop("no path")
        key = src * self.size + dst
        at = max(now + delay, self._ordered.get(key, 0.0))
        self._ordered[key] = at
        self._engine.at(at, deliver, *args, at)
        return True

    def count(self, src: int, octets: int, kind: Kind, packets: int = 1) -> None:
        """Count packets that were not sent but sampled in closed form; `octets` is the
        payload of one.
        """
        self.octets[kind][src] += (octets + OVERHEAD[kind]) * packets
        self.packets[kind] += packets

    def sample_rtt(self, a: int, b: int, kind: Kind = Kind.PROBE) -> float | None:
        """What one request and answer from `a` would measure now, None if either is
        lost: the closed form of a check (RFC 0012 section 3.2).  Counts nothing.
        """
        if self._plain or self._cuts or self._special or self._by_kind:
            there = self._sample(a, b, kind)
            back = None if there is None else self._sample(b, a, kind)
            return None if there is None or back is None else there + back
        # the same where nothing but weather is between the two
        pairs, size, now, chance = (
            self._pairs,
            self.size,
            self._engine.now,
            self._chance,
        )
        total = 0.0
        for key, src, dst in ((a * size + b, a, b), (b * size + a, b, a)):
            pair = pairs.get(key)
            if pair is None:
                pair = self._weather(src, dst)
            if pair.delay_s == math.inf:
                return None
            if pair.burst is not None and pair.burst.lost(now, chance):
                return None
            total += pair.delay_s
            if pair.jitter_s:
                total -= pair.jitter_s * math.log(1.0 - chance())
        return total

    def rtt(self, a: int, b: int) -> float:
        """The undisturbed round trip in seconds, inf without a path."""
        there = self.paths.one_way(a, b)
        return there if there == math.inf else there + self.paths.one_way(b, a)

    def one_way_s(self, src: int, dst: int) -> float:
        """The path's delay as it is now: what made it longer included, noise not."""
        what = self._overrides.get(src * self.size + dst)
        return self.paths.one_way(src, dst) + (what.extra_s if what else 0.0)

    # --- conditions --------------------------------------------------------------

    def set_conditions(self, conditions: Conditions) -> None:
        """Change the weather of all pairs without an override, from now on."""
        self.conditions = conditions
        self._pairs.clear()
        self._settle()

    def override(self, src: int, dst: int, conditions: Conditions | None) -> None:
        """Give one direction of a pair its own weather; None takes it away."""
        key = src * self.size + dst
        if conditions is None:
            self._overrides.pop(key, None)
        else:
            self._overrides[key] = conditions
        self._pairs.pop(key, None)
        self._settle()

    def lose_kind(self, kind: Kind, loss: Loss | None) -> None:
        """Lose packets of one kind on top of all else, everywhere; None stops it."""
        if loss is None:
            self._by_kind.pop(kind, None)
        else:
            self._by_kind[kind] = Burst(loss)
        self._settle()

    def cut(self, cut: Cut) -> None:
        """Divide the network; cuts of different names add up."""
        self._cuts = [c for c in self._cuts if c.name != cut.name] + [cut]
        self._settle()

    def heal(self, name: str) -> None:
        """End the cut of that name; an unknown name is fine."""
        self._cuts = [c for c in self._cuts if c.name != name]
        self._settle()

    def is_cut(self, src: int, dst: int) -> bool:
        """Whether a cut stops what `src` sends to `dst`."""
        return any(cut.stops(src, dst) for cut in self._cuts)

    @property
    def divided(self) -> bool:
        """Whether some pairs cannot talk that else could."""
        return bool(self._cuts) or any(o.down for o in self._overrides.values())

    def stops(self, src: int, dst: int) -> bool:
        """Whether nothing that `src` sends to `dst` arrives: a cut, or a dead path."""
        what = self._overrides.get(src * self.size + dst)
        return (what is not None and what.down) or self.is_cut(src, dst)

    def passes(self, a: int, b: int) -> bool:
        """Whether two hosts can talk, as far as cuts and dead paths go."""
        return not (self.stops(a, b) or self.stops(b, a))

    def set_uplink(
        self, node: int, rate_bps: float | None, queue_s: float = 0.2
    ) -> None:
        """Serialise what `node` sends at `rate_bps`, with a queue of `queue_s` seconds
        in front; None: no limit.
        """
        self._rate_bps[node] = math.inf if rate_bps is None else rate_bps
        self._queue_s[node] = queue_s
        self._mark("rate", node, rate_bps is not None)

    def set_lag(self, node: int, lag_s: float) -> None:
        """Let everything arrive at `node` this much later (a slow node)."""
        self._lag_s[node] = lag_s
        self._mark("lag", node, lag_s > 0.0)

    # --- inside ------------------------------------------------------------------

    def _settle(self) -> None:
        """Decide whether the plain case holds."""
        self._plain = (
            self.conditions.calm
            and not (self._overrides or self._by_kind or self._cuts)
            and not self._special
        )

    def _mark(self, what: str, node: int, special: bool) -> None:
        (self._special.add if special else self._special.discard)((what, node))
        self._settle()

    def _weather(self, src: int, dst: int) -> _Pair:
        key = src * self.size + dst
        pair = self._pairs.get(key)
        if pair is None:
            what = self._overrides.get(key, self.conditions)
            jitter_s = what.jitter_s
            if what.jitter:
                jitter_s += what.jitter * pair_jitter_s(self._seed, src, dst)
            delay_s = self.paths.one_way(src, dst)
            pair = self._pairs[key] = _Pair(what, delay_s, jitter_s)
        return pair

    def _uplink(self, src: int, octets: int) -> float:
        """Seconds until the packet has left; inf when the queue is full."""
        rate = self._rate_bps[src]
        if rate == math.inf:
            return 0.0
        now = self._engine.now
        start = max(self._free_at[src], now)
        if start - now > self._queue_s[src]:
            return math.inf
        self._free_at[src] = start + octets * 8.0 / rate
        return self._free_at[src] - now

    def _obstacle(
        self, src: int, dst: int, kind: Kind, pair: _Pair, wait: float
    ) -> str | None:
        """Why a datagram does not arrive, None if it does."""
        if pair.delay_s == math.inf:
            return "no path"
        if wait == math.inf:
            return "queue full"
        if self._cuts and self.is_cut(src, dst):
            return "cut"
        burst, now = pair.burst, self._engine.now
        if burst is not None and burst.lost(now, self._chance):
            return "lost"
        if not self._by_kind:
            return None
        burst = self._by_kind.get(kind)
        if burst is not None and burst.lost(now, self._chance):
            return "lost"
        return None

    def _jitter(self, pair: _Pair) -> float:
        if not pair.jitter_s:
            return 0.0
        return -pair.jitter_s * math.log(1.0 - self._chance())

    def _untidy(
        self, pair: _Pair, at: float, deliver: Callable[..., object], args: Any
    ) -> None:
        """A packet on a path that reorders or duplicates."""
        what, chance, engine = pair.what, self._chance, self._engine
        if what.reorder and chance() < what.reorder:
            at += chance() * what.reorder_s
        else:
            pair.last = at = max(at + self._jitter(pair), pair.last)
        engine.at(at, deliver, *args, at)
        if what.duplicate and chance() < what.duplicate:
            again = at + chance() * what.reorder_s
            engine.at(again, deliver, *args, again)

    def _sample(self, src: int, dst: int, kind: Kind) -> float | None:
        if self._plain:
            delay = self.paths.one_way(src, dst)
            return None if delay == math.inf else delay
        pair = self._pairs.get(src * self.size + dst)
        if pair is None:
            pair = self._weather(src, dst)
        wait = 0.0
        if self._special:
            wait = max(self._free_at[src] - self._engine.now, 0.0)
            wait = math.inf if wait > self._queue_s[src] else wait + self._lag_s[dst]
        if self._obstacle(src, dst, kind, pair, wait) is not None:
            return None
        return wait + pair.delay_s + self._jitter(pair)

    def _drop(self, reason: str) -> bool:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return False
