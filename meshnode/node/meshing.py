"""A node's part in the mesh, put together: identity, libp2p, links, brain, bridge.

The libp2p host takes the TCP port of the same number as the media port, so that there
is one number to open.  What others are told of this node (addresses, capacity, who runs
it) is made here from the settings and the interfaces as they are at that moment.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from meshnode.config import Settings
from meshnode.control.bootstrap import parse_bootstrap
from meshnode.control.descriptors import Own
from meshnode.control.identity import Identity, open_identity, verify
from meshnode.control.libp2p.multiaddress import OCTETS_MAX, Multiaddress
from meshnode.control.links import LinkMaker
from meshnode.control.mapping.keeper import Outside
from meshnode.control.mesh import Control, wall_ms
from meshnode.control.reach import media_addresses
from meshnode.media.link_table import to_address
from meshnode.media.link_transport import LinkTransport
from meshnode.media.plane import Address, MediaPlane
from meshnode.node.entering import Entering
from meshnode.node.guarded import Guarded, accepting
from meshnode.node.parts import Parts
from meshnode.node.relaying import Relaying
from meshnode.node.volunteer import Volunteer
from meshnode.signalling.entrance import Onward
from meshnode.signalling.passes import Passes
from meshnode.signalling.rooms.tokens import Tokens
from meshproto.config.distribution import DistributionConfig
from meshproto.distribution.capacity import COPIES_UNLIMITED
from meshproto.forwarding.relay_table import RelayDelta
from meshproto.ids import NodeId, StreamId
from meshproto.node import Ability, NodeConfig
from meshproto.outputs import Purpose
from meshproto.wire.control.peer import PeerRecord

COPY_BPS = 2_500_000
"""What a peer record calls a copy (RFC 0005 section 4)."""

CONTROL_ADDRESSES_MAX = 4
ENTRY_CHARACTERS_MAX = 128


class _Plane:
    """The plane as `Control` sees it: its deltas pass the bridge."""

    def __init__(self, plane: MediaPlane, relaying: Relaying) -> None:
        self._plane = plane
        self._relaying = relaying

    def program(self, deltas: Iterable[RelayDelta]) -> None:
        self._relaying.program(deltas)

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        return self._plane.stream_history(stream)

    def probe(self, address: Address, token: int) -> None:
        self._plane.probe(address, token)


def build(parts: Parts, relaying: Relaying, volunteer: Volunteer) -> Control:
    """The control plane of a node whose media port stands.

    Raises `StateError` for an unusable identity or bootstrap address.
    """
    # why here: libp2p takes a second to import, and a node without mesh needs none
    from meshnode.control.libp2p.host import Libp2pHost  # noqa: PLC0415

    settings = parts.settings
    contacts = [parse_bootstrap(text) for text in settings.bootstrap]
    identity = open_identity(settings.data, wall_ms())
    port = tcp_port(settings, parts.port.addresses)
    host = Libp2pHost(identity.keys, settings.hosts, port)
    control = Control(
        identity,
        host,
        _Plane(parts.port.plane, relaying),
        _link_factory(parts, identity, volunteer.links),
        lambda: volunteer.ability(
            ability(
                settings, parts.advertiser(False), host.port, parts.advertiser.outside
            )
        ),
        log=parts.log,
        contacts=contacts,
        data=settings.data,
        config=NodeConfig(distribution=_distribution(settings)),
        role=settings.role,
        own_addresses=parts.advertiser(True),
    )
    control.on_change(relaying.changed)
    control.on_message(relaying.delivered)
    control.sayings.hear = relaying.heard_from
    relaying.join(control)
    return control


def onward(
    parts: Parts,
    control: Control,
    volunteer: Volunteer,
    urls: Callable[[], Mapping[str, str]],
) -> Onward:
    """How viewers are sent on from this node."""
    entering = Entering(control, parts.streams, volunteer, parts.advertiser, urls)
    passes = Passes(control.node, control.sign, verify, time.time)
    return Onward(entering, passes, lambda: urls()["page"].startswith("https:"))


def tokens(control: Control) -> Tokens:
    """Resume tokens that every node of the mesh honours that knows this one."""

    def known(node: NodeId, data: bytes, signature: bytes) -> bool:
        return control.knows(node) and verify(node, data, signature)

    return Tokens(control.node, control.sign, known, time.time)


def _distribution(settings: Settings) -> DistributionConfig:
    most = COPIES_UNLIMITED if settings.max_relays is None else settings.max_relays
    return DistributionConfig(carries_others=settings.role != "edge", copies_max=most)


def _link_factory(
    parts: Parts, identity: Identity, welcome: Callable[[NodeId], bool]
) -> Callable[..., Guarded]:
    def make(
        exchange: Callable[[NodeId, bytes], Awaitable[bytes]],
        accepts: Callable[[PeerRecord, Purpose], str | None],
        record: Callable[[], PeerRecord],
    ) -> Guarded:
        own = Own(
            record,
            lambda: candidates(record(), parts.advertiser(True)),
            parts.port.fingerprint,
        )
        maker: LinkMaker[LinkTransport] = LinkMaker(
            *(identity.keys, own, parts.port, exchange),
            accepting(accepts, welcome),
        )
        return Guarded(maker, welcome)

    return make


def candidates(record: PeerRecord, addresses: Iterable[Address]) -> tuple[Address, ...]:
    """Where a neighbour may find the media port: what the record says, which behind a
    NAT is how others see us, and then whatever this machine has.
    """
    seen = map(to_address, record.media)
    return tuple(dict.fromkeys((*seen, *addresses)))


def ability(
    settings: Settings,
    addresses: Sequence[Address],
    tcp_port_: int,
    outside: Outside | None = None,
) -> Ability:
    """What this node tells others that it has to give."""
    copies = settings.max_upload // COPY_BPS if settings.role != "edge" else 0
    doors = dict.fromkeys((host for host, _ in addresses), tcp_port_)
    if outside is not None:
        _through_router(doors, outside, settings)
    octets = [Multiaddress.of(*door).to_octets() for door in doors.items()]
    control = [o for o in octets if len(o) <= OCTETS_MAX][:CONTROL_ADDRESSES_MAX]
    return Ability(
        media_addresses(addresses),
        tuple(control),
        copies=min(copies, 4096),
        operator=settings.operator,
        entry=settings.public_url[:ENTRY_CHARACTERS_MAX],
        uplink_bps=float(settings.max_upload),
    )


def _through_router(
    doors: dict[str, int], outside: Outside, settings: Settings
) -> None:
    """The router's address leads to libp2p under the port that it gave, or not at all.

    Where it gave none, an address that the operator named keeps what that one forwards.
    """
    host = outside.media[0]
    if host in doors and outside.control is not None:
        doors[host] = outside.control[1]
    elif host not in (*settings.public_ip, *settings.advertise):
        doors.pop(host, None)


def tcp_port(settings: Settings, bound: Sequence[Address]) -> int:
    """The number of the media port, or any where any will do and that one is taken."""
    port = bound[0][1]
    if settings.port or _is_free(bound, port):
        return port
    return 0


def _is_free(bound: Sequence[Address], port: int) -> bool:
    for host, _ in bound:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                trial.bind((host, port))
            except OSError:
                return False
    return True
