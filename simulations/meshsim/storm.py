"""A storm of topology events over many routers: does feasibility hold (RFC 0010)?

    python -m meshsim.storm --seed 1 --nodes 100 --events 20000

Links are cut and made, nodes crash and come back under the same name, round trips jump,
origins come and go, nodes cease to relay: in virtual time, at a pace between one event
a millisecond and one a second, so that messages of many events are under way at once.
Every input of every router is followed by the checks of `routing_net`; at the end the
storm ceases, and then every node that is connected must have a good route, and nobody
a route to nothing.
"""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass
from heapq import heappop, heappush

from meshproto.config.routing import RoutingConfig
from meshproto.ids import NodeId
from meshsim.routing_net import Direction, Link, Member, RoutingNet

SETTLE_S = 90.0
ORIGINS_MIN, ORIGINS_MAX = 2, 4
DOWN_SHARE_MAX = 0.3
TICK_S = 0.0001  # metrics are rounded to it
DEGREE_MAX = 12


@dataclass(frozen=True, slots=True)
class Counts:
    """What a storm did and what was found; `violations` of it must be zero."""

    events: int
    inputs: int
    records: int
    walks: int
    longest_walk: int
    virtual_s: float
    worst_stretch: float
    loops: int
    rises: int
    overfull: int
    unsettled: int
    first: str

    @property
    def violations(self) -> int:
        """Everything that must not happen."""
        return self.loops + self.rises + self.overfull + self.unsettled


class Storm:
    """One run; the seed decides everything."""

    def __init__(self, seed: int, nodes: int, config: RoutingConfig) -> None:
        self._chance = random.Random(f"storm/{seed}/{nodes}")  # noqa: S311
        self.net = RoutingNet(seed, config, self._schedule)
        self._arrivals: list[tuple[float, int, Direction]] = []
        self._notices: list[tuple[float, int, Direction]] = []
        self._links: list[Link] = []
        self._order = 0
        for _ in range(nodes):
            self.net.add()
        for member in self.net.members[1:]:
            self._link(member, self._chance.choice(self.net.members[: member.index]))
        for _ in range(nodes):
            self._new_link()
        self.net.originate(self.net.members[0], True)

    # -- time -------------------------------------------------------------------------

    def _schedule(self, direction: Direction) -> None:
        delay_s = direction.sender.rtt_of[direction.receiver.node] / 2
        at = self.net.now + delay_s * self._chance.uniform(0.7, 1.6)
        at = direction.busy_until = max(at, direction.busy_until)
        self._order += 1
        heappush(self._arrivals, (at, self._order, direction))

    def run_until(self, end: float) -> None:
        """Deliver, wake and notify until the clock shows `end`."""
        net = self.net
        while True:
            arrival = self._arrivals[0][0] if self._arrivals else end
            notice = self._notices[0][0] if self._notices else end
            wake = net.next_wake()
            first = min(arrival, notice, end if wake is None else wake)
            if first >= end:
                break
            if first == wake:
                net.wake()
            elif first == arrival:
                net.now, _, direction = heappop(self._arrivals)
                net.deliver(direction)
            else:
                net.now, _, direction = heappop(self._notices)
                net.tell_down(direction)
        net.now = end

    # -- events -----------------------------------------------------------------------

    def event(self) -> None:
        """One random change of the topology."""
        draw = self._chance.random()
        if draw < 0.40:
            self._link_event()
        elif draw < 0.75:
            self._change_cost()
        elif draw < 0.85:
            self._crash_or_restart()
        elif draw < 0.96:
            self._origin()
        else:
            member = self._member()
            self.net.relaying(member, not member.relaying)

    def _member(self) -> Member:
        while True:
            member = self._chance.choice(self.net.members)
            if member.up:
                return member

    def _link(self, a: Member, b: Member) -> None:
        if len(a.links) < DEGREE_MAX and len(b.links) < DEGREE_MAX:
            link = self.net.join(a, b, self._rtt())
            if link is not None:
                self._links.append(link)

    def _rtt(self) -> float:
        return self._chance.lognormvariate(-3.5, 0.8)  # median 30 ms

    def _link_event(self) -> None:
        """A cut or a new link, so that there are 1 to 3 links for each member."""
        wanted = self._chance.uniform(1.0, 3.0) * len(self.net.members)
        if len(self._links) > wanted:
            self._cut_any()
        else:
            self._new_link()

    def _new_link(self) -> None:
        for _ in range(3):  # why thrice: some pairs have a link already
            self._link(self._member(), self._member())

    def _any(self) -> Link | None:
        while self._links:
            place = self._chance.randrange(len(self._links))
            link = self._links[place]
            if link.alive:
                return link
            self._links[place] = self._links[-1]
            self._links.pop()
        return None

    def _cut_any(self) -> None:
        link = self._any()
        if link is not None:
            self.net.cut(link)
            self._notice(link)

    def _notice(self, link: Link) -> None:
        for direction in link.directions:
            self._order += 1
            at = self.net.now + self._chance.expovariate(1 / 0.2)
            heappush(self._notices, (at, self._order, direction))

    def _change_cost(self) -> None:
        link = self._any()
        if link is not None:
            rtt_s = self._rtt()
            for direction in link.directions:
                # why differently: the two ends measure each for itself
                self.net.set_rtt(direction, rtt_s * self._chance.uniform(0.9, 1.1))

    def _crash_or_restart(self) -> None:
        members = self.net.members
        down = [member for member in members if not member.up]
        if len(down) < len(members) * self._chance.random() * DOWN_SHARE_MAX:
            for link in self.net.crash(self._member()):
                self._notice(link)
        elif down:
            again = self.net.restart(self._chance.choice(down))
            for _ in range(3):
                self._link(again, self._member())

    def _origin(self) -> None:
        net = self.net
        few = len(net.active) < ORIGINS_MIN
        if few or (len(net.active) < ORIGINS_MAX and self._chance.random() < 0.5):
            net.originate(self._member(), True)
        else:
            node = self._chance.choice(list(net.active))
            net.originate(net.by_node[node], False)

    # -- the end ----------------------------------------------------------------------

    def settle(self) -> tuple[int, float]:
        """(wrong routes, worst metric over optimum) after a calm.

        Wrong is a missing route, a route to nothing, and one that is worse than the
        margins of telling and of switching allow along the best path.
        """
        self.run_until(self.net.now + SETTLE_S)
        wrong, worst = 0, 1.0
        for origin in self.net.by_node:
            best = optima(self.net, origin)
            for member in self.net.members:
                if not member.up or member.node == origin:
                    continue
                metric = member.router.metric_s(origin)
                optimum, allowed = best.get(member.node, (None, None))
                if metric is not None and allowed is not None and metric <= allowed:
                    worst = max(worst, metric / (optimum or metric))
                elif metric is not None or optimum is not None:
                    wrong += 1
                    text = f"{member.node!r} to {origin!r}: {metric} for {optimum}"
                    self.net.found.violation(text)
        return wrong, worst


def slack(metric_s: float, share: float, floor_s: float) -> float:
    """The most that passes for `metric_s` where a share and a floor are the margin."""
    return max(metric_s / (1 - share), metric_s + floor_s)


def optima(net: RoutingNet, origin: NodeId) -> dict[NodeId, tuple[float, float]]:
    """(least, largest acceptable) metric of all that can reach an active `origin`."""
    best: dict[NodeId, tuple[float, float]] = {}
    if origin not in net.active:
        return best
    config, hop_s = net.config, net.config.cost.hop_s
    heap: list[tuple[float, float, int, NodeId]] = [(0.0, 0.0, 0, origin)]
    while heap:
        metric, allowed, hops, node = heappop(heap)
        if node in best:
            continue
        best[node] = (metric, allowed)
        member = net.by_node[node]
        if hops == config.hop_limit or (hops and not member.relaying):
            continue
        told = allowed
        for _ in range(2):  # why twice: rounds are judged by what the last round said
            told = slack(told, config.update_share, config.update_floor_s)
        for other, link in member.links.items():
            if link.alive and other not in best:
                cost = net.by_node[other].rtt_of[node] / 2 + hop_s + TICK_S
                most = slack(told + cost, config.switch_share, config.switch_floor_s)
                heappush(heap, (metric + cost, most, hops + 1, other))
    return best


def run(
    seed: int, nodes: int, events: int, config: RoutingConfig | None = None
) -> Counts:
    """A storm of `events` over `nodes` routers, then a calm and the final checks."""
    chance = random.Random(f"pace/{seed}")  # noqa: S311
    storm = Storm(seed, nodes, config or RoutingConfig())
    net = storm.net
    pace_s = 0.1
    for number in range(events):
        if number % 50 == 0:
            pace_s = 10 ** chance.uniform(-3, 0)
        storm.run_until(net.now + chance.expovariate(1 / pace_s))
        storm.event()
    wrong, worst = storm.settle()
    found = net.found
    return Counts(
        events,
        found.inputs,
        found.records,
        found.walks,
        found.longest_walk,
        net.now,
        worst,
        found.loops,
        found.rises,
        found.overfull,
        wrong,
        found.first,
    )


def main() -> int:
    """Run one storm and print its counts; 1 if anything was violated."""
    parser = argparse.ArgumentParser(description="storm of topology events")
    for name, default in (("seed", 1), ("nodes", 50), ("events", 20_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    counts = run(arguments.seed, arguments.nodes, arguments.events)
    sys.stdout.write(f"{counts}\n")
    return int(counts.violations > 0)


if __name__ == "__main__":
    sys.exit(main())
