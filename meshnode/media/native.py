"""The packet path in Rust behind the seam of every plane (RFC 0002 section 6).

A worker thread of the extension owns sockets, sessions and the forwarder; nothing of
Python runs between a packet's arrival and its departures.  This class turns calls into
the worker's commands and its events into ours.  Commands that can be refused wait for
the worker, some tens of microseconds; the others do not.  A bell that the loop reads
says that events wait.  Links to other nodes are checked from here (`native_links`).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from meshnode.media.alarm import Alarm
from meshnode.media.native_links import NativeLinks
from meshnode.media.plane import (
    Address,
    DtlsReceived,
    LocalFeedback,
    LocalSink,
    PlaneEvent,
    PlaneFault,
    SrtpKeys,
    TransportSilent,
    TransportSpec,
    TransportValidated,
)
from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.levels import Levels
from meshproto.forwarding.relay_table import PlaneDelta
from meshproto.forwarding.table import AddProducer, RemoveProducer, TransportKind
from meshproto.ice.events import Checked
from meshproto.ice.path import IceConfig
from meshproto.ids import ConsumerId, ProducerId, StreamId, TransportId

if TYPE_CHECKING:
    from meshnode import _native
else:
    try:
        from meshnode import _native
    except ImportError:
        _native = None

INTERFACE = 3
"""What the extension calls its side of this file; another one was built from other
sources.
"""
NTP_EPOCH_S = 2_208_988_800
COMPLAIN_EVERY_S = 10.0
"""The log hears of internal faults this often, whatever a remote can provoke."""
REST_S = 0.05
"""How long checks of links rest after a fault of ours."""


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
        now = time.monotonic()
        self._engine = _native.Engine(
            config,
            clients,
            stun_rate_per_s=stun_rate_per_s,
            stun_burst=stun_burst,
            uplink_bps=uplink_bps,
            delays_s=dict(delays_s or {}),
            now=now,
            ntp_offset_s=NTP_EPOCH_S + time.time() - now,
        )
        self._kinds: dict[TransportId, TransportKind] = {}
        self._sinks: dict[TransportId, LocalSink] = {}
        self._local_producers: dict[ProducerId, TransportId] = {}
        self._handler: Callable[[PlaneEvent], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own_events: list[PlaneEvent] = []
        self._telling = self._tell_wanted = False
        self._neighbours = _native.Links(self._engine)
        self._links = NativeLinks(
            links or AgentConfig(),
            clients,
            self._neighbours,
            _native.Heard,
            self._own_events,
            self._want_tell,
        )
        self._alarm = Alarm(self._timeout)
        self._counted: Counter[str] = Counter()
        self._complain_at = 0.0

    # -- port ----------------------------------------------------------------------

    async def open(self, hosts: Sequence[str], port: int) -> tuple[Address, ...]:
        """See `MediaPlane.open`."""
        if self._loop is not None:
            raise StateError("the plane is open already")
        addresses = tuple(self._engine.open(list(hosts), port))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._engine.bell(), self._tell)
        self._alarm.start(self._loop)
        self._links.open([host for host, _ in addresses])
        self._want_tell()
        return addresses

    async def close(self) -> None:
        """See `MediaPlane.close`."""
        for transport in tuple(self._kinds):
            self.close_transport(transport)
        self._links.open(())
        self._alarm.stop()
        if self._loop is not None:
            self._loop.remove_reader(self._engine.bell())
            self._loop = None
        self._engine.close()
        self._own_events.clear()

    def on_event(self, handler: Callable[[PlaneEvent], None]) -> None:
        """See `MediaPlane.on_event`."""
        self._handler = handler

    # -- transports ----------------------------------------------------------------

    def add_transport(self, spec: TransportSpec) -> None:
        """See `MediaPlane.add_transport`."""
        if spec.kind is TransportKind.RELAY:
            self._add_link(spec)
        else:
            self._engine.add_transport(
                spec.transport,
                spec.kind.value,
                (spec.local_ufrag, spec.local_pwd, spec.remote_ufrag),
                spec.start_bitrate_bps,
            )
        self._kinds[spec.transport] = spec.kind

    def _add_link(self, spec: TransportSpec) -> None:
        if spec.node is None:
            raise StateError("a RELAY transport needs the node behind it")
        # why before: the agent checks at once, and packets may answer
        self._neighbours.add(spec.transport, spec.node, spec.local_ufrag)
        try:
            self._links.add(spec)
        except Exception:
            self._engine.close_transport(spec.transport)
            raise

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
        self._sinks.pop(transport, None)
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
        self._tell()

    def on_local(self, transport: TransportId, sink: LocalSink) -> None:
        """See `MediaPlane.on_local`."""
        if transport not in self._kinds:
            raise StateError(f"no transport {transport}")
        self._sinks[transport] = sink

    def _note_local(self, delta: PlaneDelta) -> None:
        if isinstance(delta, AddProducer):
            if self._kinds.get(delta.transport) is TransportKind.LOCAL:
                self._local_producers[delta.producer] = delta.transport
        elif isinstance(delta, RemoveProducer):
            self._local_producers.pop(delta.producer, None)

    # -- events --------------------------------------------------------------------

    def _tell(self) -> None:
        """Hand on what waits, and wait for what links have to do next."""
        self._tell_wanted = False
        self._hand_on()
        if not self._telling:
            self._alarm.at(self._links.next_timeout())

    def _hand_on(self) -> None:
        """One after another, never nested."""
        if self._telling:
            return
        self._telling = True
        try:
            self._links.flush()
            self._tell_own()
            for kind, told in self._engine.take():
                self._take(kind, told)
                self._tell_own()
        finally:
            self._telling = False

    def _tell_own(self) -> None:
        while self._own_events:
            event = self._own_events.pop(0)
            if isinstance(event, Checked):
                self._neighbours.measured(event.transport, event.rtt_s)
            self._report(event)

    def _want_tell(self) -> None:
        """Have what links say told soon, once, however many calls ask for it."""
        if self._loop is not None and not self._tell_wanted and not self._telling:
            self._tell_wanted = True
            self._loop.call_soon(self._tell)

    def _timeout(self) -> None:
        """Checks of links are due."""
        now = time.monotonic()
        try:
            self._links.catch_up()
            self._hand_on()
            self._links.handle_timeout(now)
        except Exception as error:
            self._failed("a timeout", error)
            self._alarm.rest(now + REST_S)
        self._tell()

    def _take(self, kind: str, told: tuple[Any, ...]) -> None:
        match kind, told:
            case "packet", [transport, consumer, packet]:
                self._hand_over(transport, ConsumerId(consumer), packet)
            case "stun", [datagram, source, local, at]:
                self._stun(datagram, source, local, at)
            case "released", [address, token]:
                self._links.released(address, token)
            case "failed", [what, why]:
                self._failed(what, RuntimeError(why))
            case _, _:
                self._report(_EVENTS[kind](*told))

    def _stun(
        self, datagram: bytes, source: Address, local: tuple[int, bytes], at: float
    ) -> None:
        try:
            self._links.take(datagram, source, local, at)
        except Exception as error:  # no datagram may stop the ones behind it
            self._failed("a datagram", error)

    def _hand_over(
        self, transport: TransportId, consumer: ConsumerId, packet: bytes
    ) -> None:
        sink = self._sinks.get(transport)
        if sink is None:
            return
        try:
            sink(consumer, packet)
        except Exception as error:  # a faulty sink must not stop the others
            self._failed("a local sink", error)

    def _report(self, event: PlaneEvent) -> None:
        if self._handler is None or self._loop is None:
            return
        try:
            self._handler(event)
        except Exception as error:  # a faulty handler must not stop media
            self._failed(f"the handler of {type(event).__name__}", error)

    def _failed(self, what: str, error: Exception) -> None:
        """A fault of ours: media goes on, and the log hears of it now and then."""
        self._counted["internal-error"] += 1
        now = time.monotonic()
        if self._loop is not None and now >= self._complain_at:
            self._complain_at = now + COMPLAIN_EVERY_S
            self._loop.call_exception_handler(
                {"message": f"{what} raised in the media plane", "exception": error}
            )

    # -- what is known -------------------------------------------------------------

    def stats(self) -> dict[str, object]:
        """See `MediaPlane.stats`."""
        found = self._engine.stats()
        drops = found["drops"]
        assert isinstance(drops, dict)
        drops = dict(self._counted + Counter(drops) + self._links.refused)
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


_EVENTS: dict[str, Callable[..., PlaneEvent]] = {
    "validated": TransportValidated,
    "silent": TransportSilent,
    "dtls": DtlsReceived,
    "feedback": LocalFeedback,
    "fault": PlaneFault,
    # an event of the forwarder comes as it is
    "event": lambda event: event,
}
