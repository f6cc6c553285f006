"""A WebRTC client without codecs or SDP, light enough to run by the thousand.

It does what a media port sees of a browser: ICE checks with USE-CANDIDATE from its own
UDP socket, a DTLS handshake in either role, SRTP both ways, consent.  What it receives
it counts, decrypting all of it or only a sample, so that a load generator spends its
time on being many.

    client = LightClient(port_address, Remote(ufrag, pwd, fingerprint), role="client")
    client.on_rtp = lambda packet: ...
    await client.connect()
    client.send_rtp(packet)
    client.close()

`join` does both ends of the description exchange against a `MediaPort` in process.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL

from meshnode.media.certificate import Certificate
from meshnode.media.client_transport import ClientTransport
from meshnode.media.dtls import DtlsEndpoint, DtlsState
from meshnode.media.dtls_context import DtlsRole, make_context
from meshnode.media.port import MediaPort
from meshnode.media.srtp import Inbound, Outbound, make_inbound, make_outbound
from meshproto.errors import DecodeError
from meshproto.wire import stun_binding
from meshproto.wire.demux import DatagramKind, classify

CHECK_FIRST_S = 0.05
CHECK_CONSENT_S = 2.5
UDP_GRO = 104
_BUFFER = bytearray(65536)


@dataclass(frozen=True)
class Remote:
    """What the node's description says."""

    ufrag: str
    pwd: str
    fingerprint: str


class Identity:
    """Certificate and context that any number of clients share."""

    def __init__(self, profiles: tuple[str, ...] = ()) -> None:
        self.certificate = Certificate.generate()
        self.context: SSL.Context = make_context(self.certificate, profiles)

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint


IDENTITY = Identity()


class LightClient:
    """One client; everything happens on the loop that calls `connect`.

    `decrypt_every` 1 opens every RTP packet, N one in N, 0 none (they are counted).
    """

    def __init__(
        self,
        address: tuple[str, int],
        remote: Remote,
        *,
        role: DtlsRole = "client",
        identity: Identity = IDENTITY,
        ufrag: str = "",
        decrypt_every: int = 1,
        source: str = "",
    ) -> None:
        self.address = address
        self.remote = remote
        self.ufrag = ufrag or secrets.token_hex(4)
        self.on_rtp: Callable[[bytes], object] | None = None
        self.on_rtcp: Callable[[bytes], object] | None = None
        self.on_data: Callable[[bytes], object] | None = None
        self.counters: Counter[str] = Counter()
        self.packets = 0
        self.octets = 0
        self.drop: Callable[[bytes], bool] | None = None
        self.outbound: Outbound | None = None
        self.inbound: Inbound | None = None
        self.dtls = DtlsEndpoint(
            role, identity.context, (("sha-256", remote.fingerprint),)
        )
        self._decrypt_every = decrypt_every
        self._username = f"{remote.ufrag}:{self.ufrag}"
        self._family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open(source)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connected: asyncio.Future[None] | None = None
        self._check_timer: asyncio.TimerHandle | None = None
        self._dtls_timer: asyncio.TimerHandle | None = None
        self._checks = 0

    @property
    def local(self) -> tuple[str, int]:
        """The address that the node sees."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    # -- life --------------------------------------------------------------------------

    async def connect(self, timeout_s: float = 10) -> None:
        """Check, shake hands, have keys.  Raises `TimeoutError`."""
        self._loop = asyncio.get_running_loop()
        self._connected = self._loop.create_future()
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._check()
        async with asyncio.timeout(timeout_s):
            await self._connected

    def close(self, *, quietly: bool = False) -> None:
        """End with a goodbye, or vanish."""
        if self._loop is None:
            self._socket.close()
            return
        if not quietly:
            self.dtls.close()
            self._flush_dtls()
        for timer in (self._check_timer, self._dtls_timer):
            if timer is not None:
                timer.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._loop = None

    def move(self) -> None:
        """Continue from another port, as after a change of network."""
        assert self._loop is not None
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._open(self._source)
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _open(self, source: str) -> None:
        self._source = source
        self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        if source:
            self._socket.bind((source, 0))
        # Connected: the kernel picks our address and filters strangers out.
        self._socket.connect(self.address)

    # -- sending -----------------------------------------------------------------------

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send one plain RTP packet."""
        assert self.outbound is not None
        size = 12 + 4 * (packet[0] & 15)
        if packet[0] & 0x10:
            size += 4 + 4 * int.from_bytes(packet[size + 2 : size + 4], "big")
        header = packet[:size]
        self.send(header + self.outbound.protect(header, packet[size:]))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one compound RTCP packet."""
        assert self.outbound is not None
        self.send(self.outbound.protect_rtcp(packet))

    def send_data(self, data: bytes) -> None:
        """Send one DTLS application record."""
        self.dtls.send(data)
        self._flush_dtls()

    def send(self, datagram: bytes) -> None:
        """Send raw bytes from our address; a closed client sends nothing."""
        if self._loop is None:
            return
        try:
            self._socket.send(datagram)
        except (BlockingIOError, ConnectionRefusedError):
            self.counters["send-refused"] += 1

    def check(self, *, nominate: bool = True) -> None:
        """Send one connectivity check."""
        self.send(
            stun_binding.request(
                secrets.token_bytes(12),
                username=self._username,
                key=self.remote.pwd.encode(),
                priority=1862270975,
                controlling=1,
                use_candidate=nominate,
            )
        )

    def _check(self) -> None:
        if self._loop is None:
            return
        self.check()
        self._checks += 1
        answered = self.counters["stun"] > 0
        first_s = min(CHECK_FIRST_S * 2**self._checks, 1.0)
        self._check_timer = self._loop.call_later(
            CHECK_CONSENT_S if answered else first_s, self._check
        )

    # -- receiving ---------------------------------------------------------------------

    def _readable(self) -> None:
        receive = self._socket.recvmsg_into
        for _ in range(64):
            try:
                size, control, _, _ = receive([_BUFFER], 64)
            except BlockingIOError:
                return
            except OSError:
                if self._loop is None:
                    return
                self.counters["receive-refused"] += 1
                continue
            step = size
            for level, kind, value in control:
                if level == socket.IPPROTO_UDP and kind == UDP_GRO:
                    step = int.from_bytes(value[:4], sys.byteorder)
            for start in range(0, size, max(step, 1)):
                self._datagram(bytes(_BUFFER[start : min(start + step, size)]))

    def _datagram(self, datagram: bytes) -> None:
        if self.drop is not None and self.drop(datagram):
            return
        kind = classify(datagram)
        if kind is DatagramKind.RTP:
            self._rtp(datagram)
        elif kind is DatagramKind.RTCP:
            self._rtcp(datagram)
        elif kind is DatagramKind.STUN:
            self._answered()
        elif kind is DatagramKind.DTLS:
            self.dtls.receive(datagram, self._now())
            self._flush_dtls()

    def _rtp(self, datagram: bytes) -> None:
        self.packets += 1
        self.octets += len(datagram)
        every = self._decrypt_every
        if not every or self.packets % every or self.inbound is None:
            return
        try:
            plain = self.inbound.unprotect(datagram)
        except DecodeError as error:
            self.counters[error.reason] += 1
            return
        if self.on_rtp is not None:
            self.on_rtp(plain)

    def _rtcp(self, datagram: bytes) -> None:
        self.counters["rtcp"] += 1
        if self.inbound is None or self.on_rtcp is None:
            return
        try:
            plain = self.inbound.unprotect_rtcp(datagram)
        except DecodeError as error:
            self.counters[error.reason] += 1
            return
        self.on_rtcp(plain)

    def _answered(self) -> None:
        self.counters["stun"] += 1
        if self.dtls.state is DtlsState.NEW:
            self.dtls.start(self._now())
            self._flush_dtls()

    def _now(self) -> float:
        assert self._loop is not None
        return self._loop.time()

    def _flush_dtls(self) -> None:
        for datagram in self.dtls.transmit():
            self.send(datagram)
        if self.outbound is None and self.dtls.keys is not None:
            self.inbound = make_inbound(self.dtls.keys)
            self.outbound = make_outbound(self.dtls.keys)
        settled = self._connected is not None and self._connected.done()
        if self.dtls.state is DtlsState.CONNECTED and not settled:
            assert self._connected is not None
            self._connected.set_result(None)
        for data in self.dtls.received():
            if self.on_data is not None:
                self.on_data(data)
        self._arm()

    def _arm(self) -> None:
        if self._dtls_timer is not None:
            self._dtls_timer.cancel()
            self._dtls_timer = None
        due = self.dtls.next_timeout
        if due is not None and self._loop is not None:
            self._dtls_timer = self._loop.call_at(due, self._dtls_timeout)

    def _dtls_timeout(self) -> None:
        self._dtls_timer = None
        self.dtls.handle_timeout(self._now())
        self._flush_dtls()


async def join(
    port: MediaPort,
    *,
    address: tuple[str, int] | None = None,
    role: DtlsRole = "client",
    identity: Identity = IDENTITY,
    accept: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[ClientTransport, LightClient]:
    """Connect a light client to a port of this process; `role` is the client's."""
    ufrag = secrets.token_hex(4)
    transport = port.accept(
        remote_ufrag=ufrag,
        remote_fingerprints=(("sha-256", identity.fingerprint),),
        dtls_role="server" if role == "client" else "client",
        **(accept or {}),
    )
    client = LightClient(
        address or port.addresses[0],
        Remote(transport.local_ufrag, transport.local_pwd, port.fingerprint),
        role=role,
        identity=identity,
        ufrag=ufrag,
        **options,
    )
    await client.connect()
    await transport.connected(10)
    return transport, client
