"""The ICE-lite agent for clients (RFC 8445 section 2.5) on the shared port.

A node has a reachable address, so it only answers: the client checks, decides and keeps
its consent fresh.  A transport is found by the ufrag that we gave it, proven by the
password, and from then on by the address (`by_address`).  Answered like any other are
checks from addresses that no candidate announced, before and after end-of-candidates,
without PRIORITY and without a role (section 7.3.1.3 makes them peer-reflexive).  A
client that claims to be controlled is told to switch by 487: we cannot control.

What is refused changes nothing but a counter in `refused`, whose keys are a small fixed
set.  An unauthenticated check is answered by an error from the plain server's buckets
(RFC 8489 section 9.1.3); a plain request goes to that server altogether, so that one
call serves everything STUN.

For every other datagram a packet path does this, and no more:

    remote = agent.by_address.get(address)       # None: drop, not validated
    path = remote.path                           # path.transport names it
    if path.proving: path.received(remote, len(datagram))
    ... unprotect; on success:
    remote.heard = now
    if path.proving: path.prove(remote)

and before sending to `path.address` (None: nowhere):

    if path.proving and not path.may_send(octets): drop
"""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import count

from meshproto.errors import DecodeError, LimitError, StateError
from meshproto.ice.credentials import Credentials, CredentialTable
from meshproto.ice.path import ClientPath, IceConfig, IceEvent, Remote
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun, stun_attributes
from meshproto.wire import stun_binding as binding
from meshproto.wire.stun_attributes import Address

Answer = tuple[bytes | None, IceEvent | None]
"""The datagram to send back, and what its owner should know."""


class IceLite:
    """All client transports of one media port.

    `refused` counts datagrams without effect by reason; plain STUN counts in `server`.
    """

    def __init__(self, server: StunServer, config: IceConfig | None = None) -> None:
        self.by_address: dict[Address, Remote] = {}
        self.refused: Counter[str] = Counter()
        self.server = server
        self._config = config or IceConfig()
        self._paths: dict[TransportId, ClientPath] = {}
        self._credentials = CredentialTable()
        self._wakes: list[tuple[float, int, ClientPath]] = []
        self._order = count()

    # -- transports --------------------------------------------------------------------

    def add(
        self,
        transport: TransportId,
        local_ufrag: str,
        local_pwd: str,
        remote_ufrag: str = "",
    ) -> ClientPath:
        """Accept checks for `transport`; an empty `remote_ufrag` accepts any.

        Raises `LimitError` when full, `StateError` if transport or ufrag is taken or
        the credentials are too short.
        """
        if transport in self._paths:
            raise StateError(f"transport {transport} is there already")
        if len(self._paths) >= self._config.transports:
            raise LimitError("transports", self._config.transports)
        path = ClientPath(transport, self._config)
        self._credentials.add(path, local_ufrag, local_pwd, remote_ufrag)
        self._paths[transport] = path
        return path

    def restart(
        self,
        transport: TransportId,
        local_ufrag: str,
        local_pwd: str,
        remote_ufrag: str = "",
    ) -> None:
        """New credentials (RFC 8445 section 9); the path stays as it is.

        The old ones are valid until the first check with the new ones.  A second
        restart before that replaces new ones that no check has used.  An expired
        transport may be opened again, but only by the new ones (RFC 7675 section 5.1).
        Raises `StateError`.
        """
        path = self._path(transport)
        fresh = self._credentials.add(path, local_ufrag, local_pwd, remote_ufrag)
        if path.expired:
            self._credentials.used(fresh)
            path.expired = False

    def remove(self, transport: TransportId) -> None:
        """Forget a transport, its credentials and addresses.  Unknown ids are fine."""
        path = self._paths.pop(transport, None)
        if path is None:
            return
        self._credentials.remove(path)
        self._close(path)

    def path(self, transport: TransportId) -> ClientPath | None:
        """The path of a transport that was added and not removed."""
        return self._paths.get(transport)

    # -- the packet path by id ---------------------------------------------------------

    def may_send(self, transport: TransportId, octets: int) -> bool:
        """Whether `octets` may go to the transport's address now."""
        path = self._path(transport)
        return path.address is not None and path.may_send(octets)

    def authenticated(
        self, transport: TransportId, address: Address, now: float
    ) -> None:
        """An authenticated, not replayed record of `transport` came from `address`."""
        remote = self._path(transport).remotes.get(address)
        if remote is not None:
            remote.heard = now
            remote.path.prove(remote)

    # -- checks ------------------------------------------------------------------------

    def receive(
        self, datagram: bytes, address: Address, now: float, local: object = None
    ) -> Answer:
        """Handle a datagram that claims to be STUN.  Never raises.

        `local` is whatever tells apart the addresses of ours that a datagram can come
        to; it is compared and never looked into.
        """
        try:
            request = stun.decode(datagram)
        except DecodeError as error:
            return self.malformed(error)
        return self.handle(request, address, now, local)

    def malformed(self, error: DecodeError) -> Answer:
        """Count what is no STUN at all."""
        return self._refuse(error.reason)

    def handle(
        self, request: stun.Message, address: Address, now: float, local: object = None
    ) -> Answer:
        """The same for a well-formed message."""
        if request.message_type != binding.REQUEST:
            return self._refuse("stun-not-a-request")
        username = request.attributes.get(stun_attributes.USERNAME)
        if username is None and not request.integrity_offset:
            return self.server.answer(request, address, now), None
        if username is None or not request.integrity_offset:
            return self._reject("ice-half", binding.BAD_REQUEST, request, address, now)
        known = self._credentials.find(username)
        if known is None:
            reason, code = "ice-ufrag", binding.UNAUTHENTICATED
        elif not stun.verify(request, known.pwd):
            reason, code = "ice-integrity", binding.UNAUTHENTICATED
        else:
            return self._authentic(known, request, address, now, local)
        return self._reject(reason, code, request, address, now)

    def _authentic(
        self,
        known: Credentials,
        request: stun.Message,
        address: Address,
        now: float,
        local: object,
    ) -> Answer:
        """A check whose sender knows the password."""
        if request.unknown:
            return self._error("ice-unknown", binding.UNKNOWN_ATTRIBUTE, request, known)
        if stun_attributes.ICE_CONTROLLED in request.attributes:
            return self._error("ice-role", binding.ROLE_CONFLICT, request, known)
        path = known.path
        if path.expired:
            return self._refuse("ice-expired")
        event = None
        seen_from = path.seen_from(request.transaction_id)
        if seen_from is None:
            remote = self._remote(path, address, now)
            if remote is None:
                return self._refuse("ice-address-taken")
            self._credentials.used(known)
            event = self._checked(path, remote, request, now, local)
        elif seen_from != address:
            return self._refuse("ice-replayed")
        reply = binding.success(request, address, key=known.pwd, fingerprint=True)
        return reply, event

    def _checked(
        self,
        path: ClientPath,
        remote: Remote,
        request: stun.Message,
        now: float,
        local: object,
    ) -> IceEvent | None:
        event = path.checked(
            remote,
            request.transaction_id,
            stun_attributes.USE_CANDIDATE in request.attributes,
            len(request.datagram),
            now,
            local=local,
        )
        if path.wake is None:
            self._wake(path, now)
        return event

    def _remote(self, path: ClientPath, address: Address, now: float) -> Remote | None:
        """The remote of `path` at `address`, new if need be.

        None while another transport is alive there: its owner could be a victim whose
        address this client forged.
        """
        holder = self.by_address.get(address)
        if holder is not None:
            if holder.path is path:
                return holder
            if now - holder.heard < holder.path.hold_s:
                return None
            self._forget(holder)
        spare = path.spare()
        if spare is not None:
            self._forget(spare)
        remote = Remote(path, address, now)
        self.by_address[address] = path.remotes[address] = remote
        return remote

    # -- time --------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has something to look at."""
        return self._wakes[0][0] if self._wakes else None

    def handle_timeout(self, now: float) -> list[IceEvent]:
        """Silences noticed and consents run out up to `now`."""
        events: list[IceEvent] = []
        while self._wakes and self._wakes[0][0] <= now:
            _, order, path = heapq.heappop(self._wakes)
            event = self._examine(path, now) if path.wake == order else None
            if event is not None:
                events.append(event)
        return events

    def _examine(self, path: ClientPath, now: float) -> IceEvent | None:
        if now >= path.consent_until:
            self._close(path)
            return path.expire(now)
        event = path.alarm(now)
        self._wake(path, now)
        return event

    def _wake(self, path: ClientPath, now: float) -> None:
        """Look at `path` again in time; every path has one valid entry at most."""
        if len(self._wakes) > 2 * len(self._paths) + 64:
            self._wakes = [wake for wake in self._wakes if wake[2].wake == wake[1]]
            heapq.heapify(self._wakes)
        path.wake = next(self._order)
        heapq.heappush(self._wakes, (path.wake_at(now), path.wake, path))

    # -- the rest ----------------------------------------------------------------------

    def _path(self, transport: TransportId) -> ClientPath:
        try:
            return self._paths[transport]
        except KeyError:
            raise StateError(f"no transport {transport}") from None

    def _forget(self, remote: Remote) -> None:
        del self.by_address[remote.address]
        remote.path.forget(remote)

    def _close(self, path: ClientPath) -> None:
        path.wake = None
        for remote in tuple(path.remotes.values()):
            self._forget(remote)

    def _refuse(self, reason: str) -> Answer:
        self.refused[reason] += 1
        return None, None

    def _reject(
        self,
        reason: str,
        code: int,
        request: stun.Message,
        address: Address,
        now: float,
    ) -> Answer:
        self.refused[reason] += 1
        return self.server.refuse(request, code, address, now), None

    def _error(
        self, reason: str, code: int, request: stun.Message, known: Credentials
    ) -> Answer:
        self.refused[reason] += 1
        reply = binding.error(request, code, key=known.pwd, fingerprint=True)
        return reply, None
