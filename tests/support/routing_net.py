"""Any order of deliveries, cuts and costs, chosen by hypothesis (RFC 0010 section 5.6).

The world is `meshsim.routing_net`; here each step of a script names what happens next.
A script may deliver a record of one link a hundred times while another link stands
still: nothing is assumed about delays, only that each direction keeps its order.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hypothesis import strategies as st

from meshsim.routing_net import Direction, Link, Member, RoutingNet

MEMBERS_MAX = 7
PAUSES_S = (0.001, 0.01, 0.11, 0.4, 1.2)


class Act(Enum):
    """What a step does."""

    DELIVER = "deliver"
    DELIVER_ALL_OF_ONE = "deliver all of one"
    WAKE = "wake"
    WAIT = "wait"
    JOIN = "join"
    CUT = "cut"
    NOTICE = "notice"
    COST = "cost"
    ORIGINATE = "originate"
    WITHDRAW = "withdraw"
    RELAY = "relay"
    RESTART = "restart"


class Step(NamedTuple):
    """An act and two numbers that choose among what is there."""

    act: Act
    first: int
    second: int


_OFTEN = [Act.DELIVER] * 6 + [Act.DELIVER_ALL_OF_ONE, Act.WAKE, Act.WAKE, Act.WAIT]

steps = st.lists(
    st.builds(
        Step,
        st.sampled_from([*_OFTEN, *Act]),
        st.integers(0, 1_000),
        st.integers(0, 1_000),
    ),
    max_size=120,
)
sizes = st.integers(2, MEMBERS_MAX)
graphs = st.lists(
    st.tuples(st.integers(0, MEMBERS_MAX - 1), st.integers(0, MEMBERS_MAX - 1)),
    min_size=3,
    max_size=14,
)


class Scripted:
    """A small net whose every move is dictated."""

    def __init__(self, size: int, edges: list[tuple[int, int]]) -> None:
        self.net = RoutingNet(1)
        self.links: list[Link] = []
        self.unaware: list[Direction] = []
        for _ in range(size):
            self.net.add()
        for first, second in edges:
            self._join(first, second)
        self.net.originate(self.net.members[0], True)

    def run(self, script: list[Step]) -> None:
        """Do what the script says; what is impossible is skipped."""
        for step in script:
            self.step(step)

    def step(self, step: Step) -> None:
        """One act."""
        net, member = self.net, self._member(step.first)
        match step.act:
            case Act.DELIVER | Act.DELIVER_ALL_OF_ONE:
                self._deliver(step.first, all_of_it=step.act is not Act.DELIVER)
            case Act.WAKE:
                if net.next_wake() is not None:
                    net.wake()
            case Act.WAIT:
                self._wait(PAUSES_S[step.first % len(PAUSES_S)])
            case Act.ORIGINATE | Act.WITHDRAW:
                net.originate(member, step.act is Act.ORIGINATE)
            case Act.RELAY:
                net.relaying(member, step.second % 2 == 0)
            case Act.RESTART:
                self._restart(member)
            case _:
                self._about_links(step)

    def _about_links(self, step: Step) -> None:
        match step.act:
            case Act.JOIN:
                self._join(step.first, step.second)
            case Act.CUT:
                self._cut(step.first)
            case Act.COST:
                self._cost(step.first, 0.002 + step.second / 2_000)
            case Act.NOTICE if self.unaware:
                place = step.first % len(self.unaware)
                self.net.tell_down(self.unaware.pop(place))

    def settle(self) -> None:
        """No more acts: deliver and wake until nothing but digests is waited for."""
        for direction in self.unaware:
            self.net.tell_down(direction)
        self.unaware.clear()
        self._wait(90.0)

    def _member(self, number: int) -> Member:
        return self.net.members[number % len(self.net.members)]

    def _join(self, first: int, second: int) -> None:
        rtt_s = 0.004 + (first * 31 + second * 17) % 97 / 1_000
        link = self.net.join(self._member(first), self._member(second), rtt_s)
        if link is not None:
            self.links.append(link)

    def _deliver(self, number: int, all_of_it: bool) -> None:
        waiting = list(self.net.waiting())
        if waiting:
            direction = waiting[number % len(waiting)]
            for _ in range(len(direction.queue) if all_of_it else 1):
                self.net.deliver(direction)

    def _wait(self, seconds: float) -> None:
        net = self.net
        end = net.now + seconds
        while True:
            for direction in list(net.waiting()):
                net.deliver(direction)
            at = net.next_wake()
            if at is not None and at <= end:
                net.wake()
            elif not any(net.waiting()):
                break
        net.now = end

    def _cut(self, number: int) -> None:
        alive = [link for link in self.links if link.alive]
        if alive:
            self._kill(alive[number % len(alive)])

    def _kill(self, link: Link) -> None:
        self.net.cut(link)
        self.unaware += link.directions

    def _cost(self, number: int, rtt_s: float) -> None:
        if self.links:
            link = self.links[number % len(self.links)]
            self.net.set_rtt(link.directions[number % 2], rtt_s)

    def _restart(self, member: Member) -> None:
        for link in self.net.crash(member):
            self.unaware += link.directions
        self.net.restart(member)
