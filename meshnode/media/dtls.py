"""One DTLS association without sockets: OpenSSL on memory buffers, made for WebRTC.

Strategy.  OpenSSL does the cryptography and the state machine; this module does what it
leaves to its user and what years of WebRTC deployments taught:

- the context is shared and the fingerprint checked inside the handshake, see
  `dtls_context`;
- OpenSSL's retransmission timer starts at 1 s and cannot be changed, so the last flight
  is kept and sent again earlier, see `dtls_flight`;
- a plaintext alert can be forged by anybody who guesses addresses, so it never ends a
  handshake by itself: it does after a second without progress (RFC 6347 section 4.1.2.7
  permits ignoring it);
- an association without data channels may `rest`: OpenSSL's 70 KiB are let go, and
  only the peer's goodbye is understood from then on.

Whatever the remote sends, no method raises; a failed association has `state` FAILED and
a `reason`.  All times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum

from OpenSSL import SSL

from meshnode.media import dtls_records as records
from meshnode.media.dtls_context import DtlsRole, explain, export_keys
from meshnode.media.dtls_flight import Flight
from meshnode.media.dtls_rest import AlertReader, reader_of
from meshnode.media.plane import SrtpKeys
from meshproto.errors import DecodeError, StateError

HANDSHAKE_INPUT_MAX_BYTES = 131072
RECEIVED_MAX_BYTES = 262144
"""Decrypted bytes that wait for `received()`; more is dropped and counted."""
ALERT_GRACE_S = 1.0

_FATAL = 2
_CLOSE_NOTIFY = 0


class DtlsState(Enum):
    """Life of an association; the last two are final."""

    NEW = "new"
    HANDSHAKING = "handshaking"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


class DtlsEndpoint:
    """One side of one association.  Feed datagrams, then drain `transmit()`.

    `fingerprints` are the remote's, as (algorithm, "AB:CD:...").  Raises `DecodeError`
    when none of them is usable.  The caller's duty after every verb: send what
    `transmit()` returns, read `state`, and re-arm one timer at `next_timeout`.
    """

    def __init__(
        self,
        role: DtlsRole,
        context: SSL.Context,
        fingerprints: tuple[tuple[str, str], ...],
    ) -> None:
        self.role = role
        self.state = DtlsState.NEW
        self.reason = ""
        self.keys: SrtpKeys | None = None
        self.drops: Counter[str] = Counter()
        self._connection = SSL.Connection(context, None)
        # Plain data, not self: OpenSSL's callback must not keep us alive in a cycle.
        self._connection.set_app_data(records.select_fingerprints(fingerprints))
        self._connection.set_ciphertext_mtu(records.DATAGRAM_BYTES)
        self._outgoing: list[bytes] = []
        self._flight = Flight()
        self._received: list[bytes] = []
        self._received_bytes = 0
        self._handshake_bytes = 0
        self._openssl_at: float | None = None
        self._alert: tuple[int, float] | None = None
        self._reader: AlertReader | None = None
        self._goodbye: list[bytes] = []

    # -- verbs ---------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Begin: the client sends its hello, the server starts to listen."""
        if self.state is not DtlsState.NEW:
            raise StateError(f"DTLS start in state {self.state.value}")
        self.state = DtlsState.HANDSHAKING
        if self.role == "client":
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()
        self._advance(now)

    def receive(self, datagram: bytes, now: float) -> None:
        """Feed one datagram of the remote, whatever it holds."""
        if self.state not in (DtlsState.HANDSHAKING, DtlsState.CONNECTED):
            self.drops["dtls-state"] += 1
            return
        try:
            arrived = records.split_records(datagram)
        except DecodeError as error:
            self.drops[error.reason] += 1
            return
        usable = [r for r in arrived if not self._set_aside(r, now)]
        if self._reader is not None:
            self._read_resting(self._reader, usable, now)
            return
        repeated = self._flight.is_repeated_by(usable)
        if not usable or not self._within_limit(usable):
            return
        sent_before = len(self._outgoing)
        self._connection.bio_write(b"".join(usable))
        self._advance(now)
        if repeated and len(self._outgoing) == sent_before:
            self._outgoing += self._flight.repeat(now)

    def send(self, data: bytes) -> bool:
        """Queue one application record.  False when not connected or too large."""
        if self.state is not DtlsState.CONNECTED or self._reader is not None:
            return False
        try:
            self._connection.send(data)
        except (SSL.Error, ValueError):
            self.drops["dtls-send"] += 1
            return False
        self._drain_bio()
        return True

    def received(self) -> list[bytes]:
        """Application data that arrived since the last call, one item per record."""
        taken, self._received, self._received_bytes = self._received, [], 0
        return taken

    def transmit(self) -> list[bytes]:
        """Datagrams to send now, at most 1200 bytes unless one record is larger."""
        taken, self._outgoing = self._outgoing, []
        return taken

    def close(self) -> None:
        """Say goodbye (close_notify) and end; unheard by a peer still handshaking."""
        if self.state is DtlsState.CONNECTED and self._reader is None:
            self._make_goodbye()
        self._outgoing += self._goodbye
        self._goodbye = []
        self._finish(DtlsState.CLOSED, "closed here")

    def rest(self) -> bool:
        """Let OpenSSL's state go: `send` is over, only a goodbye is still understood.

        False when not connected, resting already, or the suite is none we can read.
        """
        if self.state is not DtlsState.CONNECTED or self._reader is not None:
            return False
        reader = reader_of(self._connection, self.role)
        if reader is None:
            return False
        self._make_goodbye()
        self._reader = reader
        self._flight.settle()
        del self._connection
        return True

    def _make_goodbye(self) -> None:
        try:
            self._connection.shutdown()
        except SSL.Error:
            self.drops["dtls-shutdown"] += 1
        self._goodbye = records.pack_records(self._made())

    def _read_resting(
        self, reader: AlertReader, arrived: list[bytes], now: float
    ) -> None:
        for record in arrived:
            if record[0] == records.HANDSHAKE:
                # Our last flight was lost on its way.
                self._outgoing += self._flight.repeat(now)
                continue
            try:
                alert = reader.alert(record)
            except DecodeError as error:
                self.drops[error.reason] += 1
                continue
            if alert is None:
                self.drops["dtls-resting"] += 1
            elif alert[1] == _CLOSE_NOTIFY:
                self._finish(DtlsState.CLOSED, "peer closed")
            elif alert[0] == _FATAL:
                self._finish(DtlsState.CLOSED, f"peer alert {alert[1]}")

    # -- time ----------------------------------------------------------------------

    @property
    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        if self.state is not DtlsState.HANDSHAKING:
            return None
        alert_at = self._alert[1] if self._alert else None
        due = (self._flight.next_timeout, self._openssl_at, alert_at)
        return min((at for at in due if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Resend what is due; harmless when nothing is."""
        if self.state is not DtlsState.HANDSHAKING:
            return
        if self._alert is not None and now >= self._alert[1]:
            self._finish(DtlsState.FAILED, f"peer alert {self._alert[0]}")
        elif self._openssl_at is not None and now >= self._openssl_at:
            self._openssl_timeout(now)
        elif (resend_at := self._flight.next_timeout) is not None and now >= resend_at:
            self._outgoing += self._flight.timeout(now)

    def _openssl_timeout(self, now: float) -> None:
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self._finish(DtlsState.FAILED, "handshake timed out")
            return
        self._drain_bio()
        self._arm_openssl(now)

    def _arm_openssl(self, now: float) -> None:
        left_s = self._connection.DTLSv1_get_timeout()
        # OpenSSL reads its own clock: ask again a moment after it says it is due.
        self._openssl_at = None if left_s is None else now + max(left_s, 0.001)

    # -- progress ------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Let OpenSSL work through what it was given, then collect what it made."""
        if self.state is DtlsState.HANDSHAKING:
            self._handshake()
        if self.state is DtlsState.CONNECTED:
            self._read_application()
        if self._drain_bio():
            self._flight.sent(now)
            self._alert = None
        if self.state is DtlsState.HANDSHAKING:
            self._arm_openssl(now)

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            self._finish(DtlsState.FAILED, explain(error))
            return
        self.keys = export_keys(self._connection, self.role)
        self.state = DtlsState.CONNECTED

    def _read_application(self) -> None:
        while self.state is DtlsState.CONNECTED:
            try:
                data = self._connection.recv(records.RECORD_MAX_BYTES)
            except SSL.WantReadError:
                return
            except SSL.ZeroReturnError:
                self._finish(DtlsState.CLOSED, "peer closed")
            except SSL.Error as error:
                self._finish(DtlsState.CLOSED, explain(error))
            else:
                self._keep(data)

    def _keep(self, data: bytes) -> None:
        if self._received_bytes + len(data) > RECEIVED_MAX_BYTES:
            self.drops["dtls-received-full"] += 1
            return
        self._received.append(data)
        self._received_bytes += len(data)

    def _made(self) -> list[bytes]:
        """The records that OpenSSL made since the last call."""
        made: list[bytes] = []
        try:
            while True:
                made += records.split_records(self._connection.bio_read(65536))
        except SSL.WantReadError:
            return made

    def _drain_bio(self) -> bool:
        """Move OpenSSL's output to `_outgoing`; True when it was a handshake flight."""
        made = self._made()
        if not made:
            return False
        datagrams = records.pack_records(made)
        self._outgoing += datagrams
        if made[0][0] not in (records.HANDSHAKE, records.CHANGE_CIPHER_SPEC):
            return False
        self._flight.made(datagrams)
        return True

    def _finish(self, state: DtlsState, reason: str) -> None:
        if self.state in (DtlsState.CLOSED, DtlsState.FAILED):
            return
        self.state, self.reason = state, reason
        self._flight.end()

    # -- what OpenSSL is not told -----------------------------------------------------

    def _set_aside(self, record: bytes, now: float) -> bool:
        """True for an alert that nobody signed; remembered, never obeyed at once."""
        if record[0] != records.ALERT or records.epoch(record) != 0:
            return False
        if self.state is DtlsState.HANDSHAKING and len(record) == 15:
            level, description = record[13], record[14]
            if level == _FATAL and self._alert is None:
                self._alert = (description, now + ALERT_GRACE_S)
        self.drops["dtls-plain-alert"] += 1
        return True

    def _within_limit(self, usable: list[bytes]) -> bool:
        if self.state is DtlsState.HANDSHAKING:
            self._handshake_bytes += sum(map(len, usable))
            if self._handshake_bytes > HANDSHAKE_INPUT_MAX_BYTES:
                self._finish(DtlsState.FAILED, "handshake too long")
                return False
        return True

    def __repr__(self) -> str:
        return f"<DtlsEndpoint {self.role} {self.state.value} {self.reason}>".replace(
            " >", ">"
        )
