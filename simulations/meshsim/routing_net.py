"""Many routers joined by first-in-first-out links, and nothing else.

A world small enough to check after every single input: real `meshproto.routing`
machines, one queue per direction of a link, and checkers that look for a loop of next
hops and for a distance that rises.  Who delivers what when is decided outside: by
`storm` with random delays in virtual time, by property tests in any order at all.

A link that is cut delivers nothing more; each end is told in its own time, and a new
link between the two comes only after both were.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from meshproto.config.routing import RoutingConfig
from meshproto.events import Event
from meshproto.ids import NodeId
from meshproto.outputs import Outbox, Send
from meshproto.routing.changes import OffersChanged
from meshproto.routing.distance import Version, newer_version
from meshproto.routing.router import Router
from meshproto.wire.control.routing import RoutingRecord

WALL_MS = 1_750_000_000_000


class Direction:
    """One way of a link: what `sender` sent and `receiver` has not received yet."""

    __slots__ = ("busy_until", "link", "queue", "receiver", "sender")

    def __init__(self, link: Link, sender: Member, receiver: Member) -> None:
        self.link = link
        self.sender = sender
        self.receiver = receiver
        self.queue: deque[RoutingRecord] = deque()
        self.busy_until = 0.0  # for whoever schedules deliveries


class Link:
    """A link between two members; `alive` ends for both at the same instant."""

    __slots__ = ("alive", "directions", "told_down")

    def __init__(self, a: Member, b: Member) -> None:
        self.alive = True
        self.told_down = 0
        self.directions = (Direction(self, a, b), Direction(self, b, a))


class Member:
    """One node: its router, its links, and what they measure."""

    __slots__ = (
        "distances",
        "epoch",
        "index",
        "links",
        "loss_of",
        "node",
        "outbox",
        "relaying",
        "router",
        "rtt_of",
        "suspects",
        "up",
        "wake_at",
    )

    def __init__(self, index: int, net: RoutingNet, epoch: int) -> None:
        self.index = index
        self.node = NodeId(b"node%04d" % index)
        self.epoch = epoch
        self.links: dict[NodeId, Link] = {}
        self.rtt_of: dict[NodeId, float] = {}
        self.loss_of: dict[NodeId, float] = {}
        self.suspects: dict[NodeId, bool] = {}
        self.distances: dict[NodeId, tuple[Version, int]] = {}
        self.outbox = Outbox()
        self.up = True
        self.relaying = True
        self.wake_at: float | None = None
        seal = b"seal of " + self.node
        self.router = Router(
            self.node,
            epoch,
            net.config,
            self.outbox,
            random.Random(f"{net.seed}/{index}/{epoch}"),  # noqa: S311
            lambda data: seal + data[-4:],
            lambda node, data, signature: signature == b"seal of " + node + data[-4:],
            self,
        )

    def rtt_s(self, node: NodeId, /) -> float:
        """Round trip of the link to `node`."""
        return self.rtt_of[node]

    def loss(self, node: NodeId, /) -> float:
        """Loss of the link to `node`."""
        return self.loss_of.get(node, 0.0)

    def suspect(self, node: NodeId, /) -> bool:
        """Whether the link to `node` is suspect."""
        return self.suspects.get(node, False)

    def penalty_s(self, node: NodeId, /) -> float:  # noqa: ARG002
        """No penalties here."""
        return 0.0


@dataclass(slots=True)
class Findings:
    """What the checkers counted; `first` tells the first violation."""

    inputs: int = 0
    records: int = 0
    walks: int = 0
    longest_walk: int = 0
    loops: int = 0
    rises: int = 0
    overfull: int = 0
    first: str = ""
    events: list[tuple[NodeId, Event]] = field(default_factory=list)

    def violation(self, text: str) -> None:
        """Keep the first one."""
        self.first = self.first or text


class RoutingNet:
    """The members, their links, and the checks after every input."""

    def __init__(
        self,
        seed: int,
        config: RoutingConfig | None = None,
        scheduled: Callable[[Direction], None] | None = None,
        keep_events: bool = False,
    ) -> None:
        self.seed = seed
        self.config = config or RoutingConfig()
        self.now = 0.0
        self.members: list[Member] = []
        self.by_node: dict[NodeId, Member] = {}
        self.active: dict[NodeId, None] = {}
        self.found = Findings()
        self._scheduled = scheduled
        self._keep_events = keep_events
        self._wakes: list[tuple[float, int, Member]] = []
        self._order = 0

    # -- members and links ------------------------------------------------------------

    def add(self) -> Member:
        """A new member without links."""
        member = Member(len(self.members), self, WALL_MS)
        self.members.append(member)
        self.by_node[member.node] = member
        member.router.wall(WALL_MS, self.now)
        return member

    def join(self, a: Member, b: Member, rtt_s: float) -> Link | None:
        """A link between two members, None if there is (still) one."""
        if a is b or not (a.up and b.up) or b.node in a.links or a.node in b.links:
            return None
        link = Link(a, b)
        for one, other in ((a, b), (b, a)):
            one.links[other.node] = link
            one.rtt_of[other.node] = rtt_s
            one.suspects.pop(other.node, None)
        a.router.neighbour_up(b.node, self.now)
        self.after(a)
        b.router.neighbour_up(a.node, self.now)
        self.after(b)
        return link

    def cut(self, link: Link) -> None:
        """Nothing is delivered from now on; the ends do not know yet."""
        link.alive = False
        for direction in link.directions:
            direction.queue.clear()

    def tell_down(self, direction: Direction) -> None:
        """The sender of `direction` notices that the link is gone."""
        member, other = direction.sender, direction.receiver
        if member.up and member.links.get(other.node) is direction.link:
            del member.links[other.node]
            member.router.neighbour_down(other.node, self.now)
            self.after(member)

    def set_rtt(self, direction: Direction, rtt_s: float) -> None:
        """The sender of `direction` measures another round trip."""
        member, other = direction.sender, direction.receiver
        if member.up and member.links.get(other.node) is direction.link:
            member.rtt_of[other.node] = rtt_s
            member.router.cost_moved(other.node, self.now)
            self.after(member)

    def crash(self, member: Member) -> list[Link]:
        """The member is gone with all it knew; its links are cut and returned."""
        member.up = False
        links = list(member.links.values())
        for link in links:
            self.cut(link)
        self.active.pop(member.node, None)
        return links

    def restart(self, member: Member) -> Member:
        """The same node, a later epoch, an empty memory."""
        epoch = member.epoch + 1 + int(self.now * 1000)
        again = Member(member.index, self, epoch)
        self.members[member.index] = again
        self.by_node[again.node] = again
        again.router.wall(WALL_MS + int(self.now * 1000), self.now)
        return again

    def originate(self, member: Member, on: bool) -> None:
        """The member becomes an active origin, or ceases to be one."""
        if on:
            self.active[member.node] = None
            member.router.originate(self.now)
        else:
            self.active.pop(member.node, None)
            member.router.withdraw(self.now)
        self.after(member)

    def relaying(self, member: Member, on: bool) -> None:
        """The member relays, or only listens."""
        member.relaying = on
        member.router.relaying(on, self.now)
        self.after(member)

    # -- deliveries and timers --------------------------------------------------------

    def waiting(self) -> Iterator[Direction]:
        """Directions with something to deliver."""
        for member in self.members:
            for link in member.links.values():
                for direction in link.directions:
                    if direction.sender is member and direction.queue:
                        yield direction

    def deliver(self, direction: Direction) -> None:
        """The oldest record of a direction arrives."""
        if not direction.queue or not direction.link.alive:
            return
        record, receiver = direction.queue.popleft(), direction.receiver
        self.found.records += 1
        receiver.router.receive(direction.sender.node, record, self.now)
        self.after(receiver)

    def next_wake(self) -> float | None:
        """When the next router wants to be woken."""
        while self._wakes:
            at, _, member = self._wakes[0]
            if member.up and member.wake_at == at:
                return at
            heappop(self._wakes)
        return None

    def wake(self) -> None:
        """Wake the router whose time has come; sets the clock."""
        at, _, member = heappop(self._wakes)
        member.wake_at = None
        self.now = max(self.now, at)
        member.router.handle_timeout(self.now)
        self.after(member)

    def after(self, member: Member) -> None:
        """Drain what an input caused, re-arm the timer, run the checkers."""
        self.found.inputs += 1
        outbox = member.outbox
        while (output := outbox.poll()) is not None:
            if isinstance(output, Send):
                self._send(member, output)
            elif self._keep_events and isinstance(output, Event):
                self.found.events.append((member.node, output))
        at = member.router.next_timeout()
        if at is not None and (member.wake_at is None or at < member.wake_at):
            member.wake_at = at
            self._order += 1
            heappush(self._wakes, (at, self._order, member))
        self._check(member)

    def _send(self, member: Member, output: Send) -> None:
        link = member.links.get(output.neighbour)
        if link is None or not link.alive:
            return
        a, b = link.directions
        direction = a if a.sender is member else b
        direction.queue.append(output.record)  # type: ignore[arg-type]
        if self._scheduled is not None:
            self._scheduled(direction)

    # -- checkers ---------------------------------------------------------------------

    def _check(self, member: Member) -> None:
        for change in member.router.take_changes():
            if not isinstance(change, OffersChanged):
                self._walk(member, change.origin)
        for origin in self.active:
            self._watch_distance(member, origin)
        config, (entries, live, links) = self.config, member.router.sizes()
        if (
            entries > config.sources_max + config.local_max
            or live > config.origins_max
            or links > config.neighbours_max
        ):
            self.found.overfull += 1
            self.found.violation(f"{member.node!r} holds {entries}, {live}, {links}")

    def _walk(self, member: Member, origin: NodeId) -> None:
        """Follow next hops over live links; a loop can only begin where one changed."""
        found, path, here = self.found, [member.node], member
        found.walks += 1
        while (hop := here.router.next_hop(origin)) is not None:
            link = here.links.get(hop)
            if link is None or not link.alive:
                break
            here = self.by_node[hop]
            if here is member or len(path) > len(self.members):
                found.loops += 1
                found.violation(f"loop to {origin!r} at {self.now:.3f}: {path}")
                break
            path.append(hop)
        found.longest_walk = max(found.longest_walk, len(path))

    def _watch_distance(self, member: Member, origin: NodeId) -> None:
        distance = member.router.distance(origin)
        before = member.distances.get(origin)
        if distance is None or distance == before:
            return
        if before is not None:
            older = newer_version(before[0], distance[0])
            if older or (before[0] == distance[0] and distance[1] > before[1]):
                self.found.rises += 1
                self.found.violation(f"{member.node!r} raised {before} to {distance}")
        member.distances[origin] = distance
