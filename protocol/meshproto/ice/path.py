"""The addresses of one client, and which of them is sent to.

A `Remote` is an address that proved with a fresh, authenticated check that it knows our
password.  It may send media from then on.  At most one of them is *selected*: the one
that we send to.  The rules, and what each is for:

- The first valid check selects, with or without USE-CANDIDATE: Chromium nominates only
  from its second check on, and half a round trip is worth having.
- Later the selection moves to another address only by a fresh check that carries
  USE-CANDIDATE, or when nothing authenticated came from the selected address for
  `move_silence_s`.  A check is fresh if its transaction id was not seen on this
  transport; a replay must not aim media at a victim.
- A client that nominates another of *our* addresses is followed at once: what it gets
  from us comes from a new side, but goes to no new place.
- After a move at most three times the octets received from the new address are sent,
  until an authenticated SRTP, SRTCP or DTLS record arrives from it: whoever replays a
  check he kept from being delivered does not hold the keys.  Before the handshake there
  is no media to aim, so the budget begins with the first authenticated record.

A packet path pays for this with three attribute accesses, see `lite`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meshproto.errors import StateError
from meshproto.ids import TransportId
from meshproto.wire.stun_attributes import Address


@dataclass(frozen=True, slots=True)
class IceConfig:
    """Limits and times of the ICE-lite agent.

    `silence_s` is when the alarm goes off, `consent_s` when sending must end (RFC 7675
    section 5.1).  `amplification` is the factor of the budget after a move.
    """

    transports: int = 2048
    addresses_per_transport: int = 16
    remembered_checks: int = 64
    silence_s: float = 5.0
    consent_s: float = 30.0
    move_silence_s: float = 3.0
    amplification: int = 3

    def __post_init__(self) -> None:
        if self.addresses_per_transport < 2 or self.remembered_checks < 1:
            raise StateError("a move needs two addresses and the memory of a check")


@dataclass(frozen=True, slots=True)
class PathSelected:
    """The transport is open, or moved: send to `address` from now on, and from the
    local address that the check came to.
    """

    transport: TransportId
    address: Address


@dataclass(frozen=True, slots=True)
class PathSilent:
    """Nothing authenticated came for `silence_s`.

    With `expired` no check came while consent lasted: the transport has no address any
    more and gets none before an ICE restart.
    """

    transport: TransportId
    silence_s: float
    expired: bool


IceEvent = PathSelected | PathSilent
"""What the agent tells its owner."""


class PacketPath(Protocol):
    """What a packet path needs of the owner of an address, client or neighbour.

    `hold_s` is how long a silent address stays its owner's when another claims it.
    """

    transport: TransportId
    address: Address | None
    proving: bool
    remotes: dict[Address, Remote]
    hold_s: float

    def may_send(self, octets: int) -> bool:
        """Whether `octets` may be sent to `address` while `proving`."""

    def received(self, remote: Remote, octets: int) -> None:
        """A datagram came from `remote`, whatever is in it."""

    def received_dtls(self, remote: Remote, octets: int) -> None:
        """The same for DTLS."""

    def prove(self, remote: Remote) -> None:
        """Something authenticated came from `remote`."""

    def handshake_done(self) -> None:
        """The newest DTLS datagram was authentic."""

    def forget(self, remote: Remote) -> None:
        """The address belongs to somebody else from now on."""


class Remote:
    """A validated address; `heard` is when it last sent anything authenticated."""

    __slots__ = ("address", "heard", "path")

    def __init__(self, path: PacketPath, address: Address, now: float) -> None:
        self.path = path
        self.address = address
        self.heard = now

    def __repr__(self) -> str:
        return f"<Remote {self.address} of {self.path.transport} heard={self.heard}>"


class ClientPath:
    """Where one client is.

    Read by the packet path: `transport`, `address` (None: send nothing) and `proving`.
    While `proving` is set, ask `may_send` before sending, report what arrives by
    `received` and, once authenticated, by `prove`.
    """

    __slots__ = (
        "_budget",
        "_config",
        "_dtls_from",
        "_secured",
        "_seen",
        "_told",
        "address",
        "expired",
        "hold_s",
        "last_check",
        "local",
        "proving",
        "remotes",
        "selected",
        "transport",
        "wake",
    )

    def __init__(self, transport: TransportId, config: IceConfig) -> None:
        self.transport = transport
        self.address: Address | None = None
        self.proving = True
        self.selected: Remote | None = None
        self.remotes: dict[Address, Remote] = {}
        self.last_check = 0.0
        self.local: object = None
        self.expired = False
        self.hold_s = config.move_silence_s
        self.wake: int | None = None
        self._config = config
        self._secured = False
        self._budget = 0
        self._dtls_from: Remote | None = None
        self._seen: dict[bytes, Address] = {}
        self._told = float("-inf")

    def __repr__(self) -> str:
        state = "expired" if self.expired else "proving" if self.proving else "proven"
        return f"<ClientPath {self.transport} to {self.address} {state}>"

    # -- the packet path ---------------------------------------------------------------

    def may_send(self, octets: int) -> bool:
        """Spend `octets` of the budget; always granted once the address is proven."""
        if not self.proving:
            return True
        if self._secured and octets > self._budget:
            return False
        self._budget = max(0, self._budget - octets)
        return True

    def received(self, remote: Remote, octets: int) -> None:
        """A datagram of `octets` came from `remote`, whatever is in it."""
        if remote is self.selected:
            self._budget += self._config.amplification * octets

    def received_dtls(self, remote: Remote, octets: int) -> None:
        """The same for DTLS, also while not proving: see `handshake_done`."""
        self._dtls_from = remote
        self.received(remote, octets)

    def prove(self, remote: Remote) -> None:
        """An authenticated, not replayed record came from `remote`."""
        self._secured = True
        if remote is self.selected:
            self.proving = False

    def handshake_done(self) -> None:
        """The DTLS handshake finished: its last datagram was an authenticated one."""
        if self._dtls_from is not None:
            self.prove(self._dtls_from)

    # -- checks ------------------------------------------------------------------------

    def seen_from(self, transaction_id: bytes) -> Address | None:
        """Where a check with this transaction id came from before, if one did."""
        return self._seen.get(transaction_id)

    def checked(
        self,
        remote: Remote,
        transaction_id: bytes,
        nominated: bool,
        octets: int,
        now: float,
        *,
        local: object = None,
    ) -> PathSelected | None:
        """A fresh, authenticated check of `octets` came from `remote` to `local`."""
        self._remember(transaction_id, remote.address)
        move = self._moves_to(remote, nominated, now)
        turn = remote is self.selected and nominated and local != self.local
        remote.heard = self.last_check = now
        if move:
            self.selected, self.address = remote, remote.address
            self._budget = self._config.amplification * octets
            self.proving = True
        else:
            self.received(remote, octets)
        if not move and not turn:
            return None
        self.local = local
        return PathSelected(self.transport, remote.address)

    def _moves_to(self, remote: Remote, nominated: bool, now: float) -> bool:
        current = self.selected
        if current is None:
            return True
        if remote is current:
            return False
        return nominated or now - current.heard >= self._config.move_silence_s

    def _remember(self, transaction_id: bytes, address: Address) -> None:
        if len(self._seen) >= self._config.remembered_checks:
            del self._seen[next(iter(self._seen))]
        self._seen[transaction_id] = address

    # -- addresses and time ------------------------------------------------------------

    def spare(self) -> Remote | None:
        """The remote to give up for a new one: none while there is room, else the one
        silent for longest, never the selected one.
        """
        if len(self.remotes) < self._config.addresses_per_transport:
            return None
        others = [r for r in self.remotes.values() if r is not self.selected]
        return min(others, key=lambda remote: remote.heard, default=None)

    def forget(self, remote: Remote) -> None:
        """Drop an address; if it was selected the next check selects anew."""
        self.remotes.pop(remote.address, None)
        if remote is self.selected:
            self.selected = self.address = None

    def expire(self, now: float) -> PathSilent:
        """Consent ran out: no address any more."""
        self.expired = True
        self.selected = self.address = None
        return PathSilent(self.transport, now - self.last_check, expired=True)

    @property
    def heard(self) -> float:
        """When anything authenticated last came, from any address."""
        return max((r.heard for r in self.remotes.values()), default=self.last_check)

    @property
    def consent_until(self) -> float:
        """When sending must end unless another check comes."""
        return self.last_check + self._config.consent_s

    def alarm(self, now: float) -> PathSilent | None:
        """The silence alarm, once for every silence."""
        heard = self.heard
        if heard == self._told or now - heard < self._config.silence_s:
            return None
        self._told = heard
        return PathSilent(self.transport, now - heard, expired=False)

    def wake_at(self, now: float) -> float:
        """When to look at this path again."""
        alarm_at = self.heard + self._config.silence_s
        if alarm_at <= now:
            # it was told; look again for a silence after the present one
            alarm_at = now + self._config.silence_s
        return min(self.consent_until, alarm_at)
