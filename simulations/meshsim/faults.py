"""Faults: what goes wrong, when, to whom (RFC 0012 section 7).

A fault is declared in a scenario as an entry with a time, or as a random process with a
mean interval.  Who is hit is chosen when it strikes, among the nodes that are alive
then, by a selector such as `relay` or `region`.  What a fault does to a process is the
host's business (`Field`); what it does to the network is done by `strikes`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from meshsim.network import Kind, Network

LIES = ("capacity", "delay", "reflection")
"""A liar claims ten times its uplink, or no delay to every origin, or sends back what
it hears as its own."""


class What(Enum):
    """The kinds of faults."""

    CRASH = "crash"  # the process dies silently; `for_s` later it starts again
    LEAVE = "leave"  # the process says goodbye first
    FLAP = "flap"  # crash and restart, `times` times, every `period_s`
    FREEZE = "freeze"  # stopped for `for_s`; its sockets stay and fill
    CLOCK = "clock"  # its clock jumps by `by_s`
    SLOW = "slow"  # everything reaches it `lag_s` later
    LIE = "lie"  # it claims what is not so: `about`
    READDRESS = "readdress"  # its NAT reboots: a new address
    PARTITION = "partition"  # those hit are cut off from the rest
    SEVER = "sever"  # the link between each one hit and its parent, or the two listed
    WORSEN = "worsen"  # that link gets `lag_s` longer each way
    LOSE = "lose"  # packets of `packets` are lost at `share`, in bursts


class Who(Enum):
    """How those hit are chosen, always among the living."""

    RANDOM = "random"  # but no origin: without a publisher nothing can be repaired
    RELAY = "relay"  # nodes with children
    CHILD = "child"  # nodes with a parent
    ORIGIN = "origin"
    REGION = "region"  # a random node and those nearest to it
    BUSIEST = "busiest"  # the relays with most below them
    NODES = "nodes"  # as listed


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a scenario; which fields count depends on `what`.

    `count` nodes are hit, or the share `portion` of those eligible.  With `every_s` it
    strikes at random times with that mean interval from `at_s` to `until_s`.  Figures
    of faults with one `label` are counted together.
    """

    what: What
    at_s: float
    who: Who = Who.RANDOM
    nodes: tuple[int, ...] = ()
    count: int = 1
    portion: float = 0.0
    for_s: float | None = None
    keep_state: bool = False
    times: int = 3
    period_s: float = 2.0
    by_s: float = 0.0
    lag_s: float = 0.0
    about: str = "capacity"
    one_way: bool = False
    share: float = 1.0
    burst_s: float = 0.5
    packets: Kind = Kind.CONTROL
    every_s: float | None = None
    until_s: float | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if self.about not in LIES:
            known = ", ".join(LIES)
            raise ValueError(f"about={self.about!r} is no lie; expected {known}")


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that struck at `time_s`, and those whom it hit."""

    time_s: float
    fault: Fault
    hit: tuple[int, ...]


class Field(Protocol):
    """What faults act upon; the host implements it.  Lists are ascending."""

    @property
    def network(self) -> Network:
        """What carries their packets."""
        ...

    def alive(self) -> list[int]:
        """Nodes whose process runs."""
        ...

    def relays(self) -> list[tuple[int, int]]:
        """Living nodes with children that publish nothing, each with the number of
        nodes below it.
        """
        ...

    def parent(self, node: int) -> int | None:
        """The active parent of `node` in the first tree in which it has one."""
        ...

    def origins(self) -> list[int]:
        """Living nodes with a publisher."""
        ...

    def expected(self) -> None:
        """A fault comes soon: let packets flow at full rate."""
        ...

    def struck(self, fault: Fault, hit: Sequence[int], now: float) -> None:
        """These are about to be hit: look at what depends on them first."""
        ...

    def stop(self, node: int, now: float, *, goodbye: bool) -> None:
        """End the process; `goodbye` lets it say so first.  No effect while it does
        not run.
        """
        ...

    def start(self, node: int, now: float, *, keep_state: bool) -> None:
        """Start the process (again), with what it had persisted or with its key only;
        no effect while it runs.
        """
        ...

    def freeze(self, node: int, now: float) -> None:
        """Stop the process without ending it; what arrives waits in its socket."""
        ...

    def thaw(self, node: int, now: float) -> None:
        """Let a frozen process go on."""
        ...

    def jump_clock(self, node: int, by_s: float, now: float) -> None:
        """Let the node's clocks be `by_s` ahead of where they were."""
        ...

    def readdress(self, node: int, now: float) -> None:
        """Give the node a new media address."""
        ...

    def lie(self, node: int, about: str, now: float) -> None:
        """Let the node claim what is not so from now on."""
        ...


def choose(fault: Fault, field: Field, chance: random.Random) -> list[int]:
    """Those hit, ascending except for `nodes`, which keeps the listed order."""
    if fault.what is What.LOSE:
        return []
    alive = field.alive()
    if fault.who is Who.NODES:
        if fault.what is What.PARTITION:
            return list(fault.nodes)  # machines are cut off, running or not
        living = set(alive)
        return [node for node in fault.nodes if node in living]
    eligible = _eligible(fault.who, field, alive)
    number = _number(fault, len(eligible))
    if fault.who is Who.REGION:
        return region(eligible, number, field.network, chance)
    if fault.who is Who.BUSIEST:
        ranked = sorted(field.relays(), key=lambda entry: (-entry[1], entry[0]))
        return sorted(node for node, _ in ranked[:number])
    return sorted(chance.sample(eligible, number))


def _eligible(who: Who, field: Field, alive: list[int]) -> list[int]:
    if who in {Who.RELAY, Who.BUSIEST}:
        return [node for node, _ in field.relays()]
    if who is Who.ORIGIN:
        return field.origins()
    if who is Who.CHILD:
        return [node for node in alive if field.parent(node) is not None]
    origins = set(field.origins())
    return [node for node in alive if node not in origins]


def _number(fault: Fault, eligible: int) -> int:
    wanted = round(fault.portion * eligible) if fault.portion else fault.count
    return min(max(wanted, 1), eligible)


def region(
    alive: Sequence[int], number: int, network: Network, chance: random.Random
) -> list[int]:
    """A random node and the `number` - 1 living ones nearest to it, ascending."""
    if not alive:
        return []
    centre = chance.choice(alive)
    near = sorted(alive, key=lambda node: (_distance(network, centre, node), node))
    return sorted(near[:number])


def _distance(network: Network, centre: int, node: int) -> float:
    return -1.0 if node == centre else network.rtt(centre, node)
