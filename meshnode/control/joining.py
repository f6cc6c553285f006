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
from meshnode.control.bootstrap import Bootstraps
from meshnode.control.libp2p.multiaddress import Multiaddress
from meshnode.control.libp2p.values import DialError
from meshnode.control.seam import Host
from meshnode.control.tasks import Tasks
from meshproto.chance import Chance
from meshproto.errors import MeshError
from meshproto.ids import NodeId
from meshproto.wire.control.peer import PeerRecord

CONNECT_S = 5.0
EXCHANGE_S = 5.0
TICK_S = 0.25
"""How often to look whether an address is due."""

SAVE_S = 60.0
"""How often the peers are written down."""

ASK_AGAIN_S = 5.0
"""A bootstrap node that is connected is asked again while no link comes of it."""


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
        contacts: Iterable[Multiaddress],
        folder: Path | None,
        tasks: Tasks,
        alone: Callable[[str], None],
        chance: Chance,
        clock: Callable[[], float],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._mesh = mesh
        self._host = host
        self._contacts = Bootstraps(contacts, chance, clock())
        self._file = None if folder is None else folder / remembered.NAME
        self._tasks = tasks
        self._alone = alone
        self._clock = clock
        self._answering: dict[NodeId, float] = {}
        self._saved_s = clock()

    def remembered(self) -> tuple[PeerRecord, ...]:
        """The peers of the last run."""
        if self._file is None:
            return ()
        return remembered.load(self._file, self._mesh.verify)

    def start(self) -> None:
        """Begin."""
        self._tasks.spawn(self._keep_in_touch())

    def save(self) -> None:
        """Write down whom this node knows."""
        self._saved_s = self._clock()
        peers = self._mesh.known_peers()
        if self._file is not None and peers and not remembered.save(self._file, peers):
            self.counts["peers-unsaved"] += 1

    def lost(self, node: NodeId) -> None:
        """The connection to a node ended."""
        self._answering.pop(node, None)
        self._contacts.lost(node, self._clock())

    def answer(self, payload: bytes) -> bytes:
        """Somebody tells peers and asks for some.  Raises `DecodeError`.

        What strangers tell is read and not believed: peers of a bootstrap are kept for
        ever, and who wants a link will dial.
        """
        envelope.parse_peers(payload)
        own = self._mesh.own_record()
        return envelope.build_peers([own, *self._mesh.known_peers()])

    async def _keep_in_touch(self) -> None:
        while True:
            now = self._clock()
            for address in self._contacts.due(now):
                self._tasks.spawn(self._try(address))
            if not self._mesh.neighbours():
                self._ask_again(now)
            complaint = self._contacts.complaint(not self._mesh.neighbours(), now)
            if complaint is not None:
                self._alone(complaint)
            if now - self._saved_s >= SAVE_S:
                self.save()
            await asyncio.sleep(TICK_S)

    def _ask_again(self, now: float) -> None:
        for node, asked_s in self._answering.items():
            if now - asked_s >= ASK_AGAIN_S:
                self._answering[node] = now
                self._tasks.spawn(self._ask(node))

    async def _try(self, address: Multiaddress) -> None:
        """Connect to one address, and ask whoever answers."""
        text = str(address)
        try:
            node = await self._host.connect((text,), address.node, CONNECT_S)
        except MeshError as error:
            self.counts["bootstrap-failed"] += 1
            reason = error.reason if isinstance(error, DialError) else "error"
            self._contacts.failed(address, reason, self._clock())
            return
        self._contacts.connected(address, node)
        self._answering[node] = self._clock()
        await self._ask(node)

    async def _ask(self, node: NodeId) -> None:
        """Tell our record and learn theirs."""
        question = envelope.build_peers([self._mesh.own_record()])
        try:
            answer = await self._host.exchange(node, question, EXCHANGE_S)
            self._learn(envelope.parse_peers(answer))
        except MeshError:
            self.counts["peers-failed"] += 1
        else:
            self.counts["bootstrapped"] += 1

    def _learn(self, peers: Sequence[PeerRecord]) -> None:
        genuine = [p for p in peers if self._genuine(p)]
        if len(genuine) < len(peers):
            self.counts["peers-forged"] += len(peers) - len(genuine)
        if genuine:
            self._mesh.meet(genuine)

    def _genuine(self, peer: PeerRecord) -> bool:
        return self._mesh.verify(peer.node, peer.signed_part(), peer.signature)
