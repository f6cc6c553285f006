"""Links and what sets them up, between the brain's driver and the wire.

Here the ends of all wires meet: associations on the media port, descriptors through
neighbours, libp2p.  What arrives becomes an input of the brain under a name; what the
brain asks for is carried out by the `Carrier` that stands here as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from meshnode.control import newswire
from meshnode.control.carrier import Carrier
from meshnode.control.courier import Courier
from meshnode.control.dialling import Dialling
from meshnode.control.driver import Driver
from meshnode.control.envelope import Kind
from meshnode.control.gossiping import Gossiping
from meshnode.control.libp2p import values as host_events
from meshnode.control.libp2p.multiaddress import from_octets
from meshnode.control.neighbours import Neighbour, Neighbours
from meshnode.control.seam import Host, Link, Maker, Plane
from meshnode.control.tasks import Tasks
from meshproto.errors import DecodeError
from meshproto.events import Event
from meshproto.ids import NodeId
from meshproto.link import events as link_events
from meshproto.node import Node
from meshproto.outputs import Purpose
from meshproto.wire import peer_id
from meshproto.wire.control.peer import PeerRecord

PARKED = frozenset({"silent", "unacknowledged", "greeting"})
"""What the far end may say and still resume (RFC 0005 section 5.1)."""

Accepts = Callable[[PeerRecord, Purpose], str | None]
Carry = Callable[[NodeId, bytes], Any]
MakeLinks = Callable[[Carry, Accepts, Callable[[], PeerRecord]], Maker]
"""`make(exchange, accepts, own_record)`: the `Maker` of a node."""


class Linking:
    """The links of `brain`; `drive` hands it the driver before anything happens.

    `called` hears of every connection that others began.
    """

    def __init__(
        self,
        brain: Node,
        host: Host,
        plane: Plane,
        make_links: MakeLinks,
        tasks: Tasks,
        log: newswire.Log,
        called: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.neighbours = Neighbours()
        self._brain = brain
        self._tasks = tasks
        self._log = log
        self._called = called
        self._driver: Driver
        self._courier = Courier(host, self._introduce, self.addresses_of)
        self._gossip = Gossiping(host, tasks, self.addresses_of, clock)
        self._dialling = Dialling(
            make_links(self._courier.exchange, self._accepts, brain.record),
            self._courier,
            tasks,
            self.neighbours.linked,
            self._up,
            self._dial_failed,
        )
        self.carrier = Carrier(
            plane,
            self.neighbours,
            self._dialling.dial,
            self._gossip.send,
            self._unprobed,
        )

    def drive(self, driver: Driver) -> None:
        """From now on inputs go to `driver`."""
        self._driver = driver

    def close(self) -> None:
        """Close every association."""
        for neighbour in self.neighbours:
            self.carrier.close(neighbour, "node stopped")

    def counters(self) -> dict[str, dict[str, int]]:
        """What was done and what failed, by part."""
        return {
            "dials": dict(self._dialling.counts),
            "descriptors": dict(self._courier.counts),
            "descriptors-refused": dict(self._dialling.refused),
            "gossip": dict(self._gossip.failures),
            "outputs": dict(self.carrier.failures),
        }

    # -- links -------------------------------------------------------------------------

    def _up(self, link: Link, outbound: bool, purpose: Purpose) -> None:
        if not outbound:
            self._called()
        neighbour = Neighbour(link, outbound, purpose, self._driver.now)
        older = self.neighbours.add(neighbour)
        if older is not None:
            older.transport.close("replaced")
        # why first: the frames that waited for a receiver belong to this life
        self._begin(neighbour)
        link.on_frame(partial(self._frame, neighbour))
        link.on_checked(partial(self._checked, neighbour))
        link.on_state(partial(self._changed, neighbour))

    def _begin(self, neighbour: Neighbour) -> None:
        transport = neighbour.transport
        self._driver.tell(
            "link-up",
            self._brain.link_up,
            self.neighbours.begin(neighbour),
            transport.node,
            transport.rtt_s or 0.0,
            neighbour.outbound,
            neighbour.purpose,
        )

    def _frame(self, neighbour: Neighbour, frame: bytes) -> None:
        if neighbour.link is None:
            self._begin(neighbour)
        self._driver.tell("frame", self._brain.receive, neighbour.link, frame)

    def _checked(self, neighbour: Neighbour, rtt_s: float | None) -> None:
        if neighbour.link is not None:
            result = ((neighbour.transport.node, rtt_s),)
            self._driver.tell("checked", self._brain.checked, result)

    def _changed(self, neighbour: Neighbour, link: Link) -> None:
        state = link.state.value
        if state == "resumed" and neighbour.link is None:
            self._begin(neighbour)
        elif state == "closed":
            life = neighbour.link
            self.neighbours.remove(neighbour)
            if life is not None:
                self._driver.tell("link-down", self._brain.link_down, life)

    def _dial_failed(self, node: NodeId, label: str) -> None:
        self._log.emit("DialFailed", cause=label, node=peer_id.to_text(node))
        self._driver.tell("dial-failed", self._brain.dial_failed, node, label)

    def _accepts(self, peer: PeerRecord, purpose: Purpose) -> str | None:
        return self._brain.accepts(peer, purpose, self._driver.now)

    def _introduce(self, target: NodeId, through: NodeId, payload: bytes) -> bool:
        sent = self._driver.tell(
            "introduce", self._brain.introduce, target, through, payload
        )
        return bool(sent)

    def _unprobed(self, token: int) -> None:
        self._driver.tell("probed", self._brain.probed, token, None)

    def happened(self, event: Event) -> None:
        """Something of links happened in the brain."""
        match event:
            case link_events.DescriptorArrived(source, through, payload):
                if not self._courier.arrived(source, through, payload):
                    self._tasks.spawn(self._arrived(event))
            case link_events.IntroductionFailed(target, through):
                self._courier.failed(target, through)
            case link_events.LinkLost(node, "goodbye", theirs) | link_events.LinkFailed(
                node, "goodbye", theirs
            ):
                self._dismissed(node, theirs)
            case _:
                pass

    async def _arrived(self, event: link_events.DescriptorArrived) -> None:
        """A descriptor came through a neighbour: answer it the same way."""
        payload = event.descriptor
        if payload[:1] == bytes((Kind.DIAL.value,)):
            answer = await self._dialling.answer(event.source, payload)
            self._introduce(event.source, event.through, answer)

    def _dismissed(self, node: NodeId, theirs: str) -> None:
        """The far end said goodbye: unless it may come back, so do we."""
        neighbour = self.neighbours.by_node(node)
        if neighbour and neighbour.link is None and theirs not in PARKED:
            self.carrier.close(neighbour, "goodbye")

    # -- libp2p ------------------------------------------------------------------------

    def addresses_of(self, node: NodeId) -> Sequence[str]:
        """Where libp2p finds a node, as far as is known."""
        peer = self._brain.peer(node)
        found = []
        for octets in () if peer is None else peer.control:
            try:
                found.append(str(from_octets(octets)))
            except DecodeError:
                continue
        return found

    def from_host(self, event: object) -> None:
        """Something happened in the libp2p host."""
        match event:
            case host_events.PeerConnected(node):
                if not event.outbound:
                    self._called()
                self._gossip.connected(node)
            case host_events.PeerDisconnected(node):
                self._gossip.disconnected(node)
            case host_events.GossipOpened(node, version):
                opened = self._brain.gossip_opened
                self._driver.tell("gossip-opened", opened, node, version)
            case host_events.GossipReceived(node, rpc):
                self._driver.tell("gossip", self._brain.gossip_received, node, rpc)
            case host_events.GossipPaused(node):
                self._driver.tell("stall", self._brain.gossip_stalled, node, True)
            case host_events.GossipResumed(node):
                self._driver.tell("stall", self._brain.gossip_stalled, node, False)
            case host_events.HostRestarted(times):
                self._gossip.restarted()
                self._log.emit("HostRestarted", times=times)
            case host_events.HostRefused(node, reason):
                self._log.emit("HostRefused", cause=reason, node=newswire.plain(node))
            case _:
                pass

    async def answer(self, source: NodeId, descriptor: bytes) -> bytes:
        """The answer to a descriptor that came over libp2p."""
        return await self._dialling.answer(source, descriptor)
