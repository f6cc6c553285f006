"""Links of the native plane: their agent here, their packets in the extension.

Checks are few, so the agent is the one of the reference plane; the worker hands it the
STUN that concerns links and sends what it answers (RFC 0002 section 6.1).  What packets
meet is the worker's: whose an address is, where a neighbour is sent to, and when an
address was last heard of.  The last one is a number that both sides read and write
(`Heard`), for a link with media is alive whatever becomes of its checks.

A fact has one owner.  Addresses of clients are known to the worker alone, those of
links here and there: a claim goes down with a number, and comes back when a client took
the address (`released`).
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from meshnode.media.link_ice import LinkIce
from meshnode.media.plane import Address, PlaneEvent, TransportSpec
from meshproto.config.ice import AgentConfig
from meshproto.errors import DecodeError, StateError
from meshproto.ice.events import AgentEvent, Checked, Local, PathProven
from meshproto.ice.link_path import LinkPath
from meshproto.ice.path import ClientPath, IceConfig, PacketPath, PathSilent, Remote
from meshproto.ids import TransportId
from meshproto.wire import stun, stun_binding

if TYPE_CHECKING:
    from meshnode import _native

LATE_S = 0.02
"""A deadline that is noticed so much later may find its answer in the sockets."""


class SharedRemote(Remote):
    """An address whose signs of life the worker notes as well."""

    __slots__ = ("cell", "token")

    def __init__(self, path: PacketPath, address: Address, cell: _native.Heard) -> None:
        self.cell = cell
        self.token = 0
        super().__init__(path, address, cell.at())

    @property
    def heard(self) -> float:
        """When the address last sent anything authenticated."""
        return self.cell.at()

    @heard.setter
    def heard(self, now: float) -> None:
        self.cell.note(now)


class Addresses(dict[Address, Remote]):
    """The agent's table of addresses, kept the same in the worker.

    One that is not in it may be a client's, which the worker tells with the datagram
    that came from there: the agent asks for the address of no other.
    """

    def __init__(self, links: _native.Links, clients: IceConfig) -> None:
        super().__init__()
        self._links = links
        self._clients = clients
        self._claims = 0
        self._client: Remote | None = None

    def came(self, address: Address, client: tuple[int, float] | None) -> None:
        """A datagram came from there; whose it is, and when it was heard of before."""
        self._client = None
        if client is not None:
            transport, heard = client
            path = ClientPath(TransportId(transport), self._clients)
            self._client = Remote(path, address, heard)

    def get(self, address: Address, default: Any = None) -> Any:
        """Who owns the address, neighbour or client; else `default`."""
        known = super().get(address)
        if known is not None:
            return known
        if self._client is not None and self._client.address == address:
            return self._client
        return default

    def __setitem__(self, address: Address, remote: Remote) -> None:
        assert isinstance(remote, SharedRemote)
        self._claims += 1
        remote.token = self._claims
        self._claim(address, remote)
        super().__setitem__(address, remote)

    def _claim(self, address: Address, remote: SharedRemote) -> None:
        path = remote.path
        self._links.claim(
            address, path.transport, remote.token, path.hold_s, remote.cell
        )

    def tell_again(self) -> None:
        """Claim once more what is claimed: the worker may not have got it."""
        for address, remote in self.items():
            assert isinstance(remote, SharedRemote)
            self._claim(address, remote)

    def __delitem__(self, address: Address) -> None:
        remote = self[address]
        assert isinstance(remote, SharedRemote)
        self._links.release(address, remote.token)
        super().__delitem__(address)

    def released(self, address: Address, token: int) -> None:
        """A client has the address, which claim `token` had."""
        remote = super().get(address)
        if isinstance(remote, SharedRemote) and remote.token == token:
            super().__delitem__(address)
            remote.path.forget(remote)


class WorkerWays:
    """The ways of a plane in the extension."""

    def __init__(self, links: _native.Links) -> None:
        self._links = links

    def send(self, local: Local, address: Address, datagram: bytes) -> None:
        """See `Ways.send`."""
        self._links.send(local.socket, local.address, address, datagram)

    def use(self, transport: TransportId, local: Local, address: Address) -> bool:
        """See `Ways.use`."""
        self._links.use_path(transport, local.socket, local.address, address)
        return True


class NativeLinks(LinkIce):
    """`LinkIce` whose sockets and addresses are the worker's."""

    def __init__(
        self,
        config: AgentConfig,
        clients: IceConfig,
        links: _native.Links,
        make_heard: Callable[[float], _native.Heard],
        events: list[PlaneEvent],
        wake: Callable[[], None],
    ) -> None:
        self._links = links
        self._addresses = Addresses(links, clients)
        self._lost: dict[TransportId, LinkPath] = {}
        self._paths: dict[TransportId, LinkPath] = {}

        def make(path: PacketPath, address: Address, now: float) -> Remote:
            return SharedRemote(path, address, make_heard(now))

        super().__init__(config, self._addresses, WorkerWays(links), events, wake, make)

    def add(self, spec: TransportSpec) -> LinkPath:
        """See `MediaPlane.add_transport`."""
        if spec.node is None:
            raise StateError("a RELAY transport needs the node behind it")
        # why before: the agent checks at once, and packets may answer
        self._links.add(spec.transport, spec.node, spec.local_ufrag)
        try:
            path = self._paths[spec.transport] = super().add(spec)
        except Exception:
            self._links.remove(spec.transport)
            raise
        return path

    def remove(self, transport: TransportId) -> None:
        """Forget a link; unknown ids are fine."""
        self._paths.pop(transport, None)
        self._lost.pop(transport, None)
        super().remove(transport)

    def take(
        self,
        datagram: bytes,
        source: Address,
        local: tuple[int, bytes],
        at: float,
        client: tuple[int, float] | None,
    ) -> None:
        """STUN that the worker handed up, with the client that has the address."""
        self._addresses.came(source, client)
        try:
            message = stun.decode(datagram)
        except DecodeError as error:  # the worker read it by the same rules
            self.refused[error.reason] += 1
            return
        if not self.receive(message, source, Local(*local), at):
            # what it belonged to has ended, as in the reference plane
            asks = message.message_type == stun_binding.REQUEST
            self.refused["ice-ufrag" if asks else "stun-not-a-request"] += 1

    def released(self, address: Address, token: int) -> None:
        """A client has an address that was a neighbour's."""
        self._addresses.released(address, token)

    def tell_again(self) -> None:
        """The worker failed at an order: tell it everything that it may have missed."""
        self._addresses.tell_again()
        for transport, path in self._paths.items():
            if path.address is None or path.local is None:
                continue
            local = path.local
            self._links.use_path(transport, local.socket, local.address, path.address)
            if path.proving:
                self._links.mute(transport)

    def measured(self, checked: Checked) -> None:
        """A check tells the packet path how far its neighbour is."""
        self._links.measured(checked.transport, checked.rtt_s)

    def catch_up(self) -> None:
        """Have the worker read its sockets, if we are late: what waits there must not
        be taken for silence.
        """
        due_at = self.next_timeout()
        if due_at is not None and monotonic() - due_at > LATE_S:
            self._links.catch_up()

    def handle_timeout(self, now: float) -> None:
        """Check and judge what is due."""
        super().handle_timeout(now)
        for transport, path in tuple(self._lost.items()):
            if path.proving:
                self._links.mute(transport)
                del self._lost[transport]

    def _tell(self, event: AgentEvent) -> None:
        if isinstance(event, PathProven):
            self._lost.pop(event.transport, None)
        elif isinstance(event, PathSilent) and event.transport in self._paths:
            self._lost[event.transport] = self._paths[event.transport]
        super()._tell(event)
