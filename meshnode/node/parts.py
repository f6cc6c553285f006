"""The parts of a node, put together: the only place that knows all of them.

Nothing here runs.  Building takes no port and starts no task, so a node can be put
together, inspected and thrown away; what needs a running loop happens in `mesh`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshnode.config import Settings
from meshnode.control.identity import verify
from meshnode.control.mapping.keeper import Outside
from meshnode.media.certificate import Certificate
from meshnode.media.plane import MediaPlane
from meshnode.media.port import MediaPort
from meshnode.node.addresses import Address, advertised, for_client, local_addresses
from meshnode.observe.events import EventLog
from meshnode.observe.health import Health
from meshnode.signalling.access import Gatekeeper, TokenKey
from meshnode.signalling.broadcast import Broadcast
from meshnode.signalling.calls import Calls
from meshnode.signalling.doorway import Doorway
from meshnode.signalling.entrance import Onward
from meshnode.signalling.extensions import Slots
from meshnode.signalling.happenings import Happening
from meshnode.signalling.lists import StreamList
from meshnode.signalling.rooms.around import House
from meshnode.signalling.rooms.rooms import Rooms
from meshnode.signalling.rooms.tokens import Tokens
from meshnode.signalling.rooms.values import RoomLimits
from meshnode.signalling.seam import Elsewhere
from meshnode.signalling.streams import StreamLimits, Streams
from meshnode.signalling.trust import Trust
from meshproto.wire import peer_id
from meshproto.wire.sdp.model import SdpLimits

INTERFACES_KEPT_S = 10.0
SIGNING_KEY_NAME = "token.key"


class Advertiser:
    """Which addresses a description names, kept up to date with the interfaces."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._machine: tuple[str, ...] = ()
        self._read_s = float("-inf")
        self.bound: tuple[Address, ...] = ()
        self.outside: Outside | None = None

    def __call__(self, here: bool) -> tuple[Address, ...]:
        """The addresses, best first; `here`: for a client on this machine."""
        settings = self._settings
        named = advertised(
            self.bound,
            machine=self._interfaces(),
            public=settings.public_ip,
            exact=settings.advertise,
            loopback=here or settings.http_endpoint.is_loopback,
            mapped=() if self.outside is None else (self.outside.media,),
        )
        return for_client(named, here=here)

    def _interfaces(self) -> tuple[str, ...]:
        if self._clock() - self._read_s > INTERFACES_KEPT_S:
            self._machine, self._read_s = local_addresses(), self._clock()
        return self._machine


def gatekeeper(settings: Settings) -> Gatekeeper:
    """Who may do what, from the keys the settings name.  Raises `StateError`."""
    path = settings.token_key_file
    if path is None and settings.data is not None:
        kept = settings.data / SIGNING_KEY_NAME
        path = kept if kept.exists() else None
    keys = [] if path is None else [TokenKey.load(path)]
    return Gatekeeper(settings.read_publish_key(), keys)


def trust(settings: Settings, host: str) -> Trust:
    """What a listener on `host` calls itself, and which proxies it believes."""
    return Trust(
        host,
        names=(*settings.public_ip, *settings.advertise),
        public_url=settings.public_url,
        proxies=settings.trusted_proxy,
    )


@dataclass(slots=True)
class Parts:
    """Everything a node is made of."""

    settings: Settings
    clock: Callable[[], float]
    port: MediaPort
    advertiser: Advertiser
    health: Health
    gatekeeper: Gatekeeper
    streams: Streams
    calls: Calls
    slots: Slots
    list: StreamList
    happenings: Broadcast[Happening]
    log: EventLog
    rooms: Rooms
    elsewhere: Elsewhere | None = None
    onward: Onward | None = None


def build(
    settings: Settings,
    plane: MediaPlane,
    announce: Callable[[Happening], None],
    logger: logging.Logger | None,
) -> Parts:
    """Make the parts.  Needs a running loop; raises `StateError` for unusable keys."""
    clock = asyncio.get_running_loop().time
    limits = settings.limits
    port = MediaPort(
        plane,
        Certificate.generate(),
        transports=limits.transports,
        message_bytes=limits.message_bytes,
    )
    streams = Streams(
        plane.program,
        clock,
        announce,
        StreamLimits(
            limits.streams, limits.viewers_per_stream, limits.sessions_per_address
        ),
    )
    advertiser = Advertiser(settings, clock)
    sdp_limits = sdp_limits_of(settings)
    slots = Slots(limits.events_subscribers)
    return Parts(
        settings,
        clock,
        port,
        advertiser,
        Health(),
        gatekeeper(settings),
        streams,
        Calls(
            port,
            streams,
            advertiser,
            clock,
            sdp_limits=sdp_limits,
            tracks_per_client=limits.tracks_per_client,
        ),
        slots,
        StreamList(streams, clock, slots),
        Broadcast(),
        EventLog(logger),
        Rooms(
            House(port, streams, advertiser, clock),
            local_tokens(),
            RoomLimits(limits.rooms, limits.members_per_room),
        ),
    )


def local_tokens() -> Tokens:
    """Resume tokens of a node that is in no mesh: its key lasts as long as it runs."""
    key = Ed25519PrivateKey.generate()
    me = peer_id.from_ed25519(key.public_key().public_bytes_raw())
    return Tokens(
        me, key.sign, lambda node, *rest: node == me and verify(node, *rest), time.time
    )


def sdp_limits_of(settings: Settings) -> SdpLimits:
    """The bounds of one description."""
    return SdpLimits(text_bytes=settings.limits.sdp_bytes)


def doorway(settings: Settings, host: str, names: Iterable[str] = ()) -> Doorway:
    """The guard of a listener on `host`."""
    guard = trust(settings, host)
    guard.allow(names)
    return Doorway(guard, settings.limits.requests_per_minute)
