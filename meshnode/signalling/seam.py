"""What signalling needs of the media port, as types.

Signalling and media do not import each other; the node hands one to the other.  These
protocols are the whole of what crosses: `meshnode.media.port.MediaPort` and its
`ClientTransport` have these shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol

from meshproto.forwarding.levels import Levels
from meshproto.forwarding.table import ForwardingDelta
from meshproto.ids import NodeId, ProducerId, TransportId

Words = tuple[str, str, str, str]
"""Room, user id, the peer that is meant ("" all), label: whose words to whom."""


class State(Protocol):
    """A state of a transport: "new", "connecting", "connected" or "closed"."""

    @property
    def value(self) -> str:
        """Its name."""


class Message(Protocol):
    """A data-channel message."""

    @property
    def label(self) -> str:
        """The channel it came on."""

    @property
    def data(self) -> bytes | str:
        """Binary or text."""


class Transport(Protocol):
    """One client on the media port."""

    @property
    def id(self) -> TransportId:
        """Its number in the forwarding table."""

    @property
    def state(self) -> State:
        """Where it is in its life."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Where checks of verified integrity come from, None before the first."""

    @property
    def close_reason(self) -> str:
        """Why it is closed."""

    @property
    def local_ufrag(self) -> str:
        """Our ICE user fragment."""

    @property
    def local_pwd(self) -> str:
        """Our ICE password."""

    @property
    def remote_ufrag(self) -> str:
        """The client's ICE user fragment."""

    def on_state(self, handler: Callable[[Any], None]) -> None:
        """Call `handler(transport)` after every change of state."""

    def on_message(self, handler: Callable[[Any], None]) -> None:
        """Call `handler(message)` for every data-channel message."""

    def send_message(self, label: str, data: bytes | str) -> bool:
        """Send on its channels of that label."""

    def restart_ice(
        self, remote_ufrag: str, local: tuple[str, str] | None = ...
    ) -> tuple[str, str]:
        """New credentials (ufrag, pwd) for the same association."""

    def close(self, reason: str = ...) -> None:
        """Say goodbye and free everything."""


class Plane(Protocol):
    """The packet path, as far as signalling programs it."""

    def program(self, deltas: Iterable[ForwardingDelta]) -> None:
        """Apply changes to the forwarding table in order."""

    def stats(self) -> dict[str, Any]:
        """Counters and gauges (RFC 0002 section 7)."""

    def audio_levels(self, since: Mapping[ProducerId, int]) -> Levels:
        """How loud each audio producer was after the packet number in `since`."""


class Elsewhere(Protocol):
    """The mesh, as far as doors know of it: streams that other nodes have."""

    async def bring(self, name: str) -> None:
        """Have the stream of that name here, if anybody has it.

        Returns at once for streams that are here or that nobody has.  Raises `Refused`
        (503) where it does not come in time.
        """

    def arriving(self, name: str, owner: str, secret: bytes | None) -> None:
        """A publisher is about to claim `name` here; it may own what comes in."""

    def tell_node(self, node: NodeId, words: Words, data: bytes | str) -> bool:
        """Have a node hear what a member of a room here says (RFC 0014 section 5).

        `words` are its room, its user id, the peer that is meant ("" all) and the
        label.  False where it cannot be said.
        """


class Media(Protocol):
    """The media port."""

    @property
    def plane(self) -> Plane:
        """Its packet path."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DTLS certificate, "AB:CD:..."."""

    def new_credentials(self) -> tuple[str, str]:
        """A fresh ICE (ufrag, pwd)."""

    def accept(
        self,
        *,
        remote_ufrag: str,
        remote_fingerprints: tuple[tuple[str, str], ...],
        dtls_role: Literal["client", "server"],
        local_ufrag: str = ...,
        local_pwd: str = ...,
        connect_timeout_s: float = ...,
        data: bool = ...,
    ) -> Transport:
        """Expect a client.  Raises `LimitError` or `DecodeError`."""
