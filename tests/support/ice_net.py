"""Agents of links on a network of address translators, in virtual time.

A `Nat` maps and filters as RFC 4787 names it: FULL accepts from anywhere, ADDRESS from
hosts that were sent to, PORT from addresses that were sent to; SYMMETRIC maps anew for
every destination and filters like PORT.  OPEN is none.  `reboot` forgets all mappings.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from enum import Enum
from typing import Any

from meshproto.config.ice import AgentConfig
from meshproto.ice.agent import IceAgent
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.events import Checked, Local, MappedSeen, PathProven
from meshproto.ice.link_path import Association
from meshproto.ice.path import PathSilent
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun

Address = tuple[str, int]
SERVER = ("198.51.100.1", 5000)
LINK = TransportId(1)
ANY = Local(0)


class Kind(Enum):
    OPEN = "open"
    FULL = "full cone"
    ADDRESS = "address-restricted"
    PORT = "port-restricted"
    SYMMETRIC = "symmetric"


class Nat:
    """One translator with one outside address, or none at all (OPEN)."""

    def __init__(self, kind: Kind, outside: str) -> None:
        self.kind = kind
        self.outside = outside
        self._ports = itertools.count(20_000)
        self._out: dict[Any, int] = {}
        self._in: dict[int, Address] = {}
        self._sent: dict[int, set[Address]] = {}

    def leave(self, inside: Address, to: Address) -> Address:
        key = (inside, to) if self.kind is Kind.SYMMETRIC else inside
        if key not in self._out:
            port = self._out[key] = next(self._ports)
            self._in[port] = inside
        port = self._out[key]
        self._sent.setdefault(port, set()).add(to)
        return self.outside, port

    def enter(self, port: int, source: Address) -> Address | None:
        sent = self._sent.get(port, set())
        if self.kind is Kind.ADDRESS and source[0] not in {host for host, _ in sent}:
            return None
        if self.kind in (Kind.PORT, Kind.SYMMETRIC) and source not in sent:
            return None
        return self._in.get(port)

    def reboot(self) -> None:
        self._out.clear()
        self._in.clear()
        self._sent.clear()


class Host:
    """One node: its agent, and what it heard of it."""

    def __init__(self, net: Net, address: Address, nat: Nat, seed: int) -> None:
        self.net = net
        self.address = address
        self.nat = nat
        self.agent = IceAgent(net.config, random.Random(seed))
        self.agent.open([address[0]])
        self.proven: list[Address] = []
        self.checks: list[float | None] = []
        self.silences: list[PathSilent] = []
        self.mapped: list[Address] = []
        self.alive = True
        self._wake_at = float("inf")
        self.path: Any = None
        net.hosts[address] = self

    def candidates(self) -> list[Address]:
        return [self.address, *dict.fromkeys(self.mapped)]

    def link(
        self,
        other: Host,
        *,
        controlling: bool,
        candidates: Any = None,
        transport: TransportId = LINK,
    ) -> None:
        more = "" if transport == LINK else f"-{transport}"
        mine, theirs = (f"u{host.address[1]}{more}" for host in (self, other))
        pwd = "{}".ljust(24, "p")
        spec = Association(
            *(transport, mine, mine + pwd, theirs, theirs + pwd),
            controlling=controlling,
        )
        named = other.candidates() if candidates is None else candidates
        self.path = self.agent.add(spec, named, self.net.now)
        self.flush()

    def probe(self, to: Address) -> None:
        self.agent.probe(to, 0, self.net.now)
        self.flush()

    def receive(self, datagram: bytes, source: Address) -> None:
        if not self.alive:
            return
        message = stun.decode(datagram)
        local = Local(0, b"here")  # a wildcard socket tells which address was asked
        self.agent.receive(message, source, local, self.net.now)
        self.flush()

    def wake(self) -> None:
        if self._wake_at > self.net.now:
            return  # another one is set
        self._wake_at = float("inf")
        if self.alive:
            self.agent.handle_timeout(self.net.now)
            self.flush()

    def flush(self) -> None:
        for event in self.agent.take_events():
            match event:
                case PathProven(_, address, _):
                    self.proven.append(address)
                case Checked(_, rtt_s):
                    self.checks.append(rtt_s)
                case PathSilent():
                    self.silences.append(event)
                case MappedSeen(address, _):
                    self.mapped.append(address)
        for _, to, datagram in self.agent.take_out():
            self.net.send(self, to, datagram)
        due = self.agent.next_timeout()
        if due is not None and due < self._wake_at:
            self._wake_at = max(due, self.net.now)
            self.net.at(self._wake_at, self.wake)

    @property
    def connected(self) -> bool:
        return self.path is not None and self.path.phase.value == "live"


class Net:
    """The internet: `delay_s` one way between any two hosts, `lose` drops datagrams."""

    def __init__(self, config: AgentConfig | None = None, delay_s: float = 0.02):
        self.config = config or AgentConfig()
        self.now = 100.0
        self.delay_s = delay_s
        self.lose: Callable[[Host, Address, bytes], bool] = lambda *_: False
        self.hosts: dict[Address, Host] = {}
        self.sent = 0
        self.log: list[tuple[Address, Address, bytes]] = []
        """What crossed the net: source as seen outside, destination, datagram."""
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._server = StunServer(PrefixBucket(bytes(16)))
        self._ports = itertools.count(6000)

    def host(self, kind: Kind, nat: Nat | None = None) -> Host:
        number = len(self.hosts) + 1
        port = next(self._ports)
        if kind is Kind.OPEN:
            address = (f"203.0.113.{number}", port)
            return Host(self, address, Nat(kind, address[0]), number)
        nat = nat or Nat(kind, f"198.51.100.{number + 10}")
        return Host(self, (f"192.0.2.{number}", port), nat, number)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), what))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
        """Go on for `seconds`, or until something is so; how long it took."""
        begun, end = self.now, self.now + seconds
        while self._heap and self._heap[0][0] <= end and not until():
            self.now, _, what = heapq.heappop(self._heap)
            what()
        if not until():
            self.now = end
        return self.now - begun

    def send(self, host: Host, to: Address, datagram: bytes) -> None:
        self.sent += 1
        if self.lose(host, to, datagram):
            return
        direct = self.hosts.get(to)
        if direct is not None and direct.nat is host.nat:
            self.at(self.now + 0.0005, lambda: direct.receive(datagram, host.address))
            return
        source = host.address
        if host.nat.kind is not Kind.OPEN:
            source = host.nat.leave(host.address, to)
        self.log.append((source, to, datagram))
        self.at(self.now + self.delay_s, lambda: self.deliver(source, to, datagram))

    def deliver(self, source: Address, to: Address, datagram: bytes) -> None:
        """A datagram arrives at an outside address; anybody may have sent it."""
        if to == SERVER:
            answer = self._server.receive(datagram, source, self.now)
            if answer is not None:
                self.at(
                    self.now + self.delay_s, lambda: self.deliver(to, source, answer)
                )
            return
        for host in tuple(self.hosts.values()):
            if host.nat.kind is Kind.OPEN:
                inside = to if host.address == to else None
            elif host.nat.outside != to[0]:
                continue
            else:
                inside = host.nat.enter(to[1], source)
            if inside is not None and inside == host.address:
                host.receive(datagram, source)
                return


def pair(net: Net, one: Host, two: Host) -> None:
    """Both learn their mapping from a third, exchange candidates, and check."""
    for host in (one, two):
        host.probe(SERVER)
    net.run(0.2)
    one_named, two_named = one.candidates(), two.candidates()
    one.link(two, controlling=True, candidates=two_named)
    two.link(one, controlling=False, candidates=one_named)


def linked(one: Kind, two: Kind, **options: Any) -> tuple[Net, Host, Host]:
    """Two nodes behind translators of these kinds, checking each other."""
    net = Net(**options)
    first, second = net.host(one), net.host(two)
    pair(net, first, second)
    return net, first, second


def up(first: Host, second: Host) -> bool:
    """Whether both ends have a path."""
    return first.connected and second.connected
