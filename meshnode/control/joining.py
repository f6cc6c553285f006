"""Finds the mesh, and finds it again: bootstrap addresses and remembered peers.

A bootstrap address is an address and no identity, so the way in is libp2p: connect,
ask for peers, and hand their signed records to the brain, which dials.  A node whose
bootstrap is unreachable serves alone, says so every minute, and tries for ever.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from meshnode.control import envelope, remembered
from meshnode.control.envelope import Kind
from meshnode.control.seam import Host
from meshnode.control.tasks import Tasks
from meshproto.errors import DecodeError, MeshError
from meshproto.ids import NodeId
from meshproto.wire.control.peer import PeerRecord

CONNECT_S = 5.0
EXCHANGE_S = 5.0
ALONE_S = 60.0
"""How often a node without neighbours says so, and how often peers are saved."""

SETTLED_S = 5.0
"""After bootstrap answered: how long the brain may take to link before it is asked
again."""


class Contact(Protocol):
    """A bootstrap address (`meshnode.control.bootstrap`)."""

    @property
    def addresses(self) -> Sequence[str]:
        """Multiaddrs as text."""

    @property
    def node(self) -> NodeId | None:
        """Who is expected there, None where anybody may answer."""

    def pause_s(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""


class Mesh(Protocol):
    """What joining asks of the driver's owner."""

    def own_record(self) -> PeerRecord:
        """What this node says about itself."""

    def known_peers(self) -> Sequence[PeerRecord]:
        """Remembered peers, neighbours first."""

    def neighbours(self) -> int:
        """How many links stand."""

    def meet(self, peers: Sequence[PeerRecord]) -> None:
        """Genuine records that were told."""

    def verify(self, node: NodeId, data: bytes, signature: bytes) -> bool:
        """Whether `node` signed `data`."""


class Joining:
    """Keeps the node in touch with the mesh; `alone` is told every lonely minute."""

    def __init__(
        self,
        mesh: Mesh,
        host: Host,
        contacts: Iterable[Contact],
        folder: Path | None,
        tasks: Tasks,
        alone: Callable[[int], None],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._mesh = mesh
        self._host = host
        self._contacts = tuple(contacts)
        self._file = None if folder is None else folder / remembered.NAME
        self._tasks = tasks
        self._alone = alone

    def remembered(self) -> tuple[PeerRecord, ...]:
        """The peers of the last run."""
        if self._file is None:
            return ()
        return remembered.load(self._file, self._mesh.verify)

    def start(self) -> None:
        """Begin: one task per address, and one that looks around every minute."""
        for contact in self._contacts:
            self._tasks.spawn(self._keep_in_touch(contact))
        self._tasks.spawn(self._look_around())

    def save(self) -> None:
        """Write down whom this node knows."""
        peers = self._mesh.known_peers()
        if self._file is not None and peers and not remembered.save(self._file, peers):
            self.counts["peers-unsaved"] += 1

    def answer(self, body: bytes) -> bytes:
        """Somebody tells peers and asks for some.  Raises `DecodeError`.

        What strangers tell is read and not believed: peers of a bootstrap are kept for
        ever, and who wants a link will dial.
        """
        envelope.parse_peers(body)
        own = self._mesh.own_record()
        return envelope.build_peers([own, *self._mesh.known_peers()])

    async def _keep_in_touch(self, contact: Contact) -> None:
        failures = 0
        while True:
            if self._mesh.neighbours():
                await asyncio.sleep(SETTLED_S)
                continue
            try:
                await self._ask(contact)
                failures = 0
                await asyncio.sleep(SETTLED_S)
            except MeshError:
                self.counts["bootstrap-failed"] += 1
                failures += 1
                await asyncio.sleep(contact.pause_s(failures))

    async def _ask(self, contact: Contact) -> None:
        """Connect, tell our record and learn theirs."""
        node = await self._host.connect(contact.addresses, contact.node, CONNECT_S)
        question = envelope.build_peers([self._mesh.own_record()])
        answer = await self._host.exchange(node, question, EXCHANGE_S)
        kind, body = envelope.unseal(answer)
        if kind is not Kind.PEERS:
            raise DecodeError("envelope-answer")
        self._learn(envelope.parse_peers(body))
        self.counts["bootstrapped"] += 1

    def _learn(self, peers: Sequence[PeerRecord]) -> None:
        genuine = [p for p in peers if self._genuine(p)]
        self.counts["peers-forged"] += len(peers) - len(genuine)
        if genuine:
            self._mesh.meet(genuine)

    def _genuine(self, peer: PeerRecord) -> bool:
        return self._mesh.verify(peer.node, peer.signed_part(), peer.signature)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(ALONE_S)
            self.save()
            if self._contacts and not self._mesh.neighbours():
                self._alone(self.counts["bootstrap-failed"])
