"""Where a node joins: addresses as people write them, and when to try them again.

`--bootstrap` takes a host, a host with a port, or a multiaddr, each with or without the
node's id behind `/p2p/`.  Without an id whoever answers is believed the first time; the
id is then remembered, shown, and demanded as long as this node runs.  An address is
tried for ever, with pauses that grow to a minute and are drawn by lot, so that a mesh
that lost its bootstrap node does not come back in step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from meshnode.control.libp2p.multiaddress import Multiaddress, parse_multiaddress
from meshproto.chance import Chance
from meshproto.errors import DecodeError, StateError
from meshproto.ids import NodeId
from meshproto.wire import peer_id

PORT_DEFAULT = 5000
PAUSE_FIRST_S, PAUSE_MAX_S = 1.0, 60.0
COMPLAINT_S = 60.0
"""How often a node that serves alone says so."""


def parse_bootstrap(text: str) -> Multiaddress:
    """Read HOST, HOST:PORT, [V6]:PORT or a multiaddr, each maybe with /p2p/ID.

    Raises `StateError` with one sentence.
    """
    try:
        if text.startswith("/"):
            address = parse_multiaddress(text)
            if address.target is not None:
                raise DecodeError("multiaddr-kind")
            return address
        place, _, name = text.strip().partition("/p2p/")
        host, port = _split(place)
        node = None
        if name:
            found = peer_id.from_text(name.removesuffix("/"))
            node = peer_id.from_ed25519(peer_id.ed25519_key(found))
        return Multiaddress.of(host, port, node)
    except DecodeError:
        raise StateError(
            f"--bootstrap {text!r} should be HOST, HOST:PORT, [IPV6]:PORT or"
            " /ip4/HOST/tcp/PORT/p2p/ID"
        ) from None


def _split(place: str) -> tuple[str, int]:
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise DecodeError("multiaddr-host")
        port = rest[1:]
    elif place.count(":") > 1:
        host, port, rest = place, "", ""
    else:
        host, rest, port = place.partition(":")
    if not rest:
        return host, PORT_DEFAULT
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise DecodeError("multiaddr-port")
    return host, int(port)


class _Target:
    """One address: when it is due, None while it is tried or connected."""

    __slots__ = ("address", "due", "failures", "node", "reason")

    def __init__(self, address: Multiaddress, now: float) -> None:
        self.address = address
        self.node = address.node
        self.due: float | None = now
        self.failures = 0
        self.reason = ""


class Bootstraps:
    """Which bootstrap addresses to dial when; pure, like the machines of meshproto.

    The owner dials what `due` returns and says `connected` or `failed`; `lost` when a
    connected node went.  Times are monotonic seconds.
    """

    def __init__(
        self, addresses: Iterable[Multiaddress], chance: Chance, now: float
    ) -> None:
        self._targets = {
            address: _Target(address, now) for address in dict.fromkeys(addresses)
        }
        self._chance = chance
        self._complain_at: float | None = None

    def due(self, now: float) -> list[Multiaddress]:
        """What to dial now, with the id where it is known."""
        found = []
        for target in self._targets.values():
            if target.due is not None and target.due <= now:
                target.due = None
                found.append(replace(target.address, node=target.node))
        return found

    def next_timeout(self) -> float | None:
        """When `due` or `complaint` has something next."""
        times = [t.due for t in self._targets.values() if t.due is not None]
        if self._complain_at is not None:
            times.append(self._complain_at)
        return min(times, default=None)

    def connected(self, dialled: Multiaddress, node: NodeId) -> bool:
        """`node` answered at an address of `due`; whether its id is news."""
        target = self._of(dialled)
        target.due, target.failures, target.reason = None, 0, ""
        learned, target.node = target.node is None, node
        self._complain_at = None
        return learned

    def failed(self, dialled: Multiaddress, reason: str, now: float) -> None:
        """Nobody, or somebody else, answered there."""
        target = self._of(dialled)
        target.reason = reason
        pause_s = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** min(target.failures, 10))
        target.failures += 1
        # by lot between half and all of it: who failed together must not retry so
        target.due = now + pause_s * (1 + self._chance.random()) / 2
        if self._complain_at is None and not self._anybody():
            self._complain_at = now

    def lost(self, node: NodeId, now: float) -> None:
        """The connection to `node` ended: try it again."""
        for target in self._targets.values():
            if target.node == node and target.due is None and not target.failures:
                target.due = now + PAUSE_FIRST_S * self._chance.random()

    def complaint(self, alone: bool, now: float) -> str | None:
        """While `alone` and nobody answers, a sentence that says so, once a minute."""
        if self._complain_at is None or now < self._complain_at:
            return None
        self._complain_at = now + COMPLAINT_S
        failing = [target for target in self._targets.values() if target.failures]
        if not failing or not alone:
            return None
        tried = ", ".join(f"{t.address} ({t.reason})" for t in failing)
        return f"no bootstrap node answers, serving alone: {tried}"

    def _anybody(self) -> bool:
        return any(
            t.due is None and t.node is not None and not t.failures
            for t in self._targets.values()
        )

    def _of(self, dialled: Multiaddress) -> _Target:
        for target in self._targets.values():
            if target.address == dialled or (
                replace(target.address, node=target.node) == dialled
            ):
                return target
        raise StateError(f"bootstrap: {dialled} was not due")
