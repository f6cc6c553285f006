"""The packet path in Rust behind the seam of every plane (RFC 0002 section 6).

A worker thread of the extension owns sockets, sessions and the forwarder; nothing of
Python runs between a packet's arrival and its departures.  This class turns calls into
the worker's commands and its events into ours.  Commands that can be refused wait for
the worker, some tens of microseconds; the others do not.  A bell that the loop reads
says that events wait.  Links to other nodes are checked from here (`native_links`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from meshnode.media.native_events import NativeEvents
from meshnode.media.native_links import NativeLinks
from meshnode.media.ntp import ntp_offset_s
from meshnode.media.plane import (
    Address,
    LocalSink,
    PlaneEvent,
    SrtpKeys,
    TransportSpec,
)
from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.levels import Levels
from meshproto.forwarding.relay_table import PlaneDelta
from meshproto.forwarding.table import AddProducer, RemoveProducer, TransportKind
from meshproto.ice.path import IceConfig
from meshproto.ids import ProducerId, StreamId, TransportId

if TYPE_CHECKING:
    from meshnode import _native
else:
    try:
        from meshnode import _native
    except ImportError:
        _native = None

INTERFACE = 4
"""What the extension calls its side of this file; another one was built from other
sources.
"""


def missing() -> str:
    """Why there is no native plane here; empty where there is one."""
    if _native is None:
        return "the native plane is not built here"
    if getattr(_native, "INTERFACE", None) != INTERFACE:
        return "the native plane here was built from other sources"
    return ""


class NativePlane:
    """`MediaPlane` on the extension.  Belongs to the loop that calls `open`."""

    def __init__(
        self,
        forwarding: ForwardingConfig | None = None,
        ice: IceConfig | None = None,
        *,
        links: AgentConfig | None = None,
        stun_rate_per_s: float = 32.0,
        stun_burst: int = 64,
        uplink_bps: float = 0.0,
        delays_s: Mapping[str, float] | None = None,
    ) -> None:
        if why := missing():
            raise StateError(why)
        config = forwarding or ForwardingConfig()
        clients = ice or IceConfig(transports=config.transports)
        self._engine = _native.Engine(
            config,
            clients,
            stun_rate_per_s=stun_rate_per_s,
            stun_burst=stun_burst,
            uplink_bps=uplink_bps,
            delays_s=dict(delays_s or {}),
            ntp_offset_s=ntp_offset_s(),
        )
        self._kinds: dict[TransportId, TransportKind] = {}
        self._local_producers: dict[ProducerId, TransportId] = {}
        self._events = NativeEvents(self._engine)
        worker = _native.Links(self._engine)
        self._links = self._events.links = NativeLinks(
            links or AgentConfig(),
            clients,
            worker,
            _native.Heard,
            self._events.own,
            self._events.want,
        )

    # -- port ----------------------------------------------------------------------

    async def open(self, hosts: Sequence[str], port: int) -> tuple[Address, ...]:
        """See `MediaPlane.open`."""
        if self._events.is_open:
            raise StateError("the plane is open already")
        addresses = tuple(self._engine.open(list(hosts), port))
        self._links.open([host for host, _ in addresses])
        self._events.start(asyncio.get_running_loop())
        return addresses

    async def close(self) -> None:
        """See `MediaPlane.close`."""
        for transport in tuple(self._kinds):
            self.close_transport(transport)
        self._links.open(())
        self._events.stop()
        self._engine.close()

    def on_event(self, handler: Callable[[PlaneEvent], None]) -> None:
        """See `MediaPlane.on_event`."""
        self._events.handler = handler

    # -- transports ----------------------------------------------------------------

    def add_transport(self, spec: TransportSpec) -> None:
        """See `MediaPlane.add_transport`."""
        if spec.kind is TransportKind.RELAY:
            self._links.add(spec)
        else:
            self._engine.add_transport(
                spec.transport,
                spec.kind.value,
                (spec.local_ufrag, spec.local_pwd, spec.remote_ufrag),
                spec.start_bitrate_bps,
            )
        self._kinds[spec.transport] = spec.kind

    def restart_transport(self, spec: TransportSpec) -> None:
        """See `MediaPlane.restart_transport`."""
        self._engine.restart_transport(
            spec.transport, (spec.local_ufrag, spec.local_pwd, spec.remote_ufrag)
        )

    def add_candidates(
        self, transport: TransportId, addresses: Iterable[Address]
    ) -> None:
        """See `MediaPlane.add_candidates`."""
        self._links.add_candidates(transport, tuple(addresses))

    def pace(self, transport: TransportId, interval_s: float) -> None:
        """See `MediaPlane.pace`."""
        self._links.pace(transport, interval_s)

    def check(self, transport: TransportId) -> None:
        """See `MediaPlane.check`."""
        self._links.check(transport)

    def probe(self, address: Address, token: int) -> None:
        """See `MediaPlane.probe`."""
        self._links.probe(address, token)

    def set_keys(self, transport: TransportId, keys: SrtpKeys) -> None:
        """See `MediaPlane.set_keys`."""
        self._engine.set_keys(
            transport,
            keys.profile,
            (keys.send_key, keys.send_salt),
            (keys.receive_key, keys.receive_salt),
        )

    def dtls_authentic(self, transport: TransportId) -> None:
        """See `MediaPlane.dtls_authentic`."""
        self._engine.dtls_authentic(transport)

    def send_dtls(self, transport: TransportId, datagrams: Iterable[bytes]) -> None:
        """See `MediaPlane.send_dtls`."""
        self._engine.send_dtls(transport, list(datagrams))

    def close_transport(self, transport: TransportId) -> None:
        """See `MediaPlane.close_transport`."""
        if self._kinds.pop(transport, None) is None:
            return
        self._links.remove(transport)
        self._engine.close_transport(transport)
        self._events.sinks.pop(transport, None)
        for producer, owner in tuple(self._local_producers.items()):
            if owner == transport:
                del self._local_producers[producer]

    # -- forwarding ----------------------------------------------------------------

    def program(self, deltas: Iterable[PlaneDelta]) -> None:
        """See `MediaPlane.program`."""
        for delta in deltas:
            self._engine.program(delta)
            self._note_local(delta)

    def inject(self, producer: ProducerId, packets: Sequence[bytes]) -> None:
        """See `MediaPlane.inject`."""
        transport = self._local_producers.get(producer)
        if transport is None:
            raise StateError(f"producer {producer} is not on a local transport")
        self._engine.inject(transport, list(packets))
        self._events.tell()

    def on_local(self, transport: TransportId, sink: LocalSink) -> None:
        """See `MediaPlane.on_local`."""
        if transport not in self._kinds:
            raise StateError(f"no transport {transport}")
        self._events.sinks[transport] = sink

    def _note_local(self, delta: PlaneDelta) -> None:
        if isinstance(delta, AddProducer):
            if self._kinds.get(delta.transport) is TransportKind.LOCAL:
                self._local_producers[delta.producer] = delta.transport
        elif isinstance(delta, RemoveProducer):
            self._local_producers.pop(delta.producer, None)

    # -- what is known -------------------------------------------------------------

    def stats(self) -> dict[str, object]:
        """See `MediaPlane.stats`."""
        found = self._engine.stats()
        drops = found["drops"]
        assert isinstance(drops, dict)
        drops = dict(self._events.counted + Counter(drops) + self._links.refused)
        return {"kind": "native", **found, "drops": drops}

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        """See `MediaPlane.stream_history`."""
        return self._engine.stream_history(stream)

    def sent(self) -> tuple[int, int]:
        """See `MediaPlane.sent`."""
        return self._engine.sent()

    def audio_levels(self, since: Mapping[ProducerId, int]) -> Levels:
        """See `MediaPlane.audio_levels`."""
        return self._engine.audio_levels(dict(since))

    def producer_stats(self) -> dict[ProducerId, dict[str, object]]:
        """See `MediaPlane.producer_stats`."""
        return self._engine.producer_stats()
