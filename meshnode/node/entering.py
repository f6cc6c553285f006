"""What a node knows of doors, its own and others', for viewers who look for one."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence

from meshnode.control.mesh import Control
from meshnode.media.plane import Address
from meshnode.node.volunteer import Volunteer
from meshnode.signalling.entrance import Entry
from meshnode.signalling.streams import Streams
from meshproto.errors import LimitError
from meshproto.wire.control.peer import MediaAddress, PeerRecord


class Entering:
    """`Nearby` of one node (`signalling.entrance`)."""

    def __init__(
        self,
        control: Control,
        streams: Streams,
        volunteer: Volunteer,
        addresses: Callable[[bool], Sequence[Address]],
        urls: Callable[[], Mapping[str, str]],
    ) -> None:
        self._control = control
        self._streams = streams
        self._volunteer = volunteer
        self._addresses = addresses
        self._urls = urls

    def own(self, stream: str) -> Entry:
        """The own door; it has a slot while it would let one more viewer in."""
        addresses = self._addresses(False) or self._addresses(True)
        local = self._streams.get(stream)
        try:
            self._volunteer.viewer(local)
            slots = 1
        except LimitError:
            slots = 0
        return Entry(
            self._control.node,
            self._urls()["page"].rstrip("/"),
            "" if not addresses else _stun(*addresses[0]),
            self._control.report.own_cost_s(stream),
            slots,
            1.0 - self._volunteer.load.grant,
            here=True,
        )

    def others(self, stream: str) -> Sequence[Entry]:
        """Remembered nodes with a door, the cheapest for the stream's origin first."""
        return [
            _entry(found.peer, found.cost_s)
            for found in self._control.report.entrances(stream)
            if self._volunteer.links(found.peer.node)
        ]


def _entry(peer: PeerRecord, cost_s: float) -> Entry:
    free = min(peer.free, peer.copies)
    load = 1.0 - free / peer.copies if peer.copies else 1.0
    return Entry(peer.node, peer.entry, _media(peer.media[0]), cost_s, free, load)


def _media(address: MediaAddress) -> str:
    return _stun(str(ipaddress.ip_address(address.ip)), address.port)


def _stun(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
