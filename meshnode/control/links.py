"""Links set up: who dials, who answers, and which of two survives (RFC 0005 5.1).

    maker = LinkMaker(keys, own, port, exchange, accepts)
    link = await maker.dial(peer, Purpose.OVERLAY)         # connected, or MeshError
    payload = await maker.answered(source, payload)        # what to send back
    maker.on_link(handler)                                 # links that others dialled

How a descriptor reaches a node is the caller's affair: `exchange` carries one there and
brings the answer, over libp2p or through a common neighbour.  Both ends judge alike, by
what is inside the descriptors:

- both dialled at once: the association of the lower NodeId's dial survives; the other
  dial is answered "crossed", and its dialler gets the survivor;
- a descriptor with a session not above the one we have of that node is late;
- one of a node whose association still answers is told "linked": the link lived again
  while the dial was under way;
- otherwise it replaces what there was: only the node itself can have made it.

The newest word of the other end rules, be it a dial or an answer, and however late it
comes: so both ends use credentials of the same two descriptors in the end.

Every link is handed over once: to the dialler that waits for it, else by `on_link`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from meshnode.control.descriptors import VERSION, Descriptors, Own, purpose_of
from meshnode.control.sealing import Keys
from meshproto.bucket import Bucket
from meshproto.errors import DecodeError, LimitError, MeshError, StateError
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.wire.control.descriptor import LinkDescriptor
from meshproto.wire.control.peer import PeerRecord

DIALS_MAX = 64
"""Dials under way: a second of all handshakes, and some that wait for an answer."""
EXCHANGE_TIMEOUT_S = 10.0
"""An answer may need a libp2p connection first."""
ANSWERS_PER_S = 50.0
"""Descriptors of others that are opened, 0.4 ms each: no more than handshakes."""
CROSSED_S = 1.0
"""So long the other end is told "crossed": a descriptor that took longer may be lost,
and the other end's has arrived."""
CROSSING_WAIT_S = 2.0
"""After "crossed" the other dial's descriptor is on its way, if it was not lost."""

_LABEL = re.compile(r"[a-z-]{1,24}")
_THERE = ("new", "connected", "resumed")

Exchange = Callable[[NodeId, bytes], Awaitable[bytes]]
Accepts = Callable[[PeerRecord, Purpose], str | None]


class State(Protocol):
    """A state of an association."""

    @property
    def value(self) -> str:
        """Its name: "new", "connected", "resumed", "silent" or "closed"."""


class Link(Protocol):
    """An association of the media port (`meshnode.media.link_transport`)."""

    @property
    def state(self) -> State:
        """Where it is in its life."""

    async def connected(self, timeout_s: float | None = None) -> None:
        """Wait for the handshake; raises `StateError` when it fails."""

    async def answers(self) -> bool:
        """Whether the other end still has it, by a check of its path."""

    def on_state(self, handler: Callable[[Any], None]) -> None:
        """Call `handler(link)` after every change of state."""

    def close(self, reason: str = ...) -> None:
        """End it."""


L = TypeVar("L", bound=Link)
L_co = TypeVar("L_co", bound=Link, covariant=True)


class Port(Protocol[L_co]):
    """What is needed of a media port."""

    def new_credentials(self) -> tuple[str, str]:
        """Fresh ICE (ufrag, pwd)."""

    def link(
        self,
        node: NodeId,
        *,
        local_ufrag: str,
        local_pwd: str,
        remote: LinkDescriptor,
        controlling: bool,
        dtls_role: Literal["client", "server"],
    ) -> L_co:
        """Begin an association; raises `LimitError`."""


@dataclass(slots=True)
class _Entry(Generic[L]):
    """The association with a node, and the place of its descriptor among the node's."""

    link: L
    order: tuple[int, int]


class _Dial(Generic[L]):
    """A dial under way, and the newest association with that node since it began."""

    def __init__(self) -> None:
        self.link: L | None = None
        self.asking: asyncio.Future[None]
        """Our descriptor's way there, and the answer's way back."""
        self._loop = asyncio.get_running_loop()
        self.taken: asyncio.Future[None] = self._loop.create_future()
        self._begun_s = self._loop.time()

    @property
    def is_fresh(self) -> bool:
        """Whether the answer to our descriptor may soon be here."""
        return self.link is None and self._loop.time() - self._begun_s < CROSSED_S

    def take(self, link: L) -> None:
        """From now on this is the association that the dial is to end in."""
        self.link = link
        if not self.taken.done():
            self.taken.set_result(None)

    async def stands(self) -> L:
        """Wait for the handshake of the newest; raises `StateError` if it fails."""
        while True:
            link = self.link
            assert link is not None
            try:
                await link.connected()
            except StateError:
                if link is self.link:
                    raise
            else:
                return link


class LinkMaker(Generic[L]):
    """Dials and answers for one node.  Belongs to the loop it is used on.

    `accepts` says None to a welcome peer, else a label; `wall_s` is the time of day.
    """

    def __init__(
        self,
        keys: Keys,
        own: Own,
        port: Port[L],
        exchange: Exchange,
        accepts: Accepts,
        *,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.refused: Counter[str] = Counter()
        """What came to nothing, by fixed label."""
        self._keys = keys
        self._port = port
        self._exchange = exchange
        self._accepts = accepts
        self._descriptors = Descriptors(keys, own, lambda: int(wall_s() * 1000))
        self._entries: dict[NodeId, _Entry[L]] = {}
        self._dials: dict[NodeId, _Dial[L]] = {}
        self._on_link: Callable[[L, Purpose], None] | None = None
        self._answers = Bucket(ANSWERS_PER_S, ANSWERS_PER_S, time.monotonic())

    def on_link(self, handler: Callable[[L, Purpose], None]) -> None:
        """Set who hears of links that others dialled, once they are connected."""
        self._on_link = handler

    # -- dialling ----------------------------------------------------------------------

    async def dial(self, peer: PeerRecord, purpose: Purpose) -> L:
        """A connected link to `peer`.

        Raises `StateError` with a short label ("full", "timeout", ...) where there is
        none ("linked": there is one, or it is being dialled), `LimitError` when too
        many dials or handshakes are under way.
        """
        node = peer.node
        if node == self._keys.node or await self._linked(node):
            raise StateError("linked")
        if len(self._dials) >= DIALS_MAX:
            raise LimitError("dials", DIALS_MAX)
        dial = self._dials[node] = _Dial[L]()
        dial.asking = asyncio.ensure_future(self._ask(node, purpose, dial))
        try:
            await self._begun(dial)
            return await dial.stands()
        except BaseException as error:
            if dial.link is not None:
                dial.link.close("abandoned")
            self._count(error)
            raise
        finally:
            # why exception: an end that nobody needs any more is not reported as lost
            if not dial.asking.cancel() and not dial.asking.cancelled():
                dial.asking.exception()
            del self._dials[node]

    async def _linked(self, node: NodeId) -> bool:
        """Whether another dial is useless; the other end's is waited for."""
        while node not in self._dials and (entry := self._entries.get(node)):
            if entry.link.state.value != "new":
                return entry.link.state.value in _THERE
            with suppress(StateError):
                await entry.link.connected()
        return node in self._dials

    async def _ask(self, node: NodeId, purpose: Purpose, dial: _Dial[L]) -> None:
        """Send our descriptor; the answer gives an association, unless a newer word of
        the other end gave one meanwhile.
        """
        if dial.link is not None:
            return  # a descriptor made now would be newer than our answer, and undo it
        credentials = self._port.new_credentials()
        asked = self._descriptors.dial(purpose, credentials)
        payload = self._descriptors.written(asked, node)
        answer = await self._carry(node, payload)
        found = self._descriptors.read_answer(asked, node, answer)
        if found.refused == "crossed":
            return
        if found.refused == "linked" and (entry := self._entries.get(node)):
            await entry.link.answers()  # why: it goes on at once, not in a second
        if found.refused:
            known = _LABEL.fullmatch(found.refused)
            raise StateError(found.refused if known else "other")
        entry = self._entries.get(node)
        if entry is None or _order(found) > entry.order:
            dial.take(self._begin(node, credentials, found, dialled=True))

    async def _begun(self, dial: _Dial[L]) -> None:
        """Wait for an association, whoever dialled it."""
        either: set[asyncio.Future[Any]] = {dial.asking, dial.taken}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if dial.asking.done() and dial.link is None:
            await dial.asking
            try:
                async with asyncio.timeout(CROSSING_WAIT_S):
                    await dial.taken
            except TimeoutError:
                raise StateError("crossed") from None

    async def _carry(self, node: NodeId, payload: bytes) -> bytes:
        try:
            async with asyncio.timeout(EXCHANGE_TIMEOUT_S):
                return await self._exchange(node, payload)
        except (OSError, TimeoutError) as error:
            raise StateError("no-answer") from error

    def _count(self, error: BaseException) -> None:
        if isinstance(error, DecodeError):
            self.refused[error.reason] += 1
        elif isinstance(error, MeshError):
            self.refused["dial-failed"] += 1

    # -- answering ---------------------------------------------------------------------

    async def answered(self, source: NodeId, payload: bytes) -> bytes | None:
        """The answer to a descriptor of `source`; None to what is none.

        `source` is who the channel says it is: libp2p's peer, or the node that an
        introduction names.
        """
        try:
            if not self._answers.take(time.monotonic()):
                raise DecodeError("asked-rate")
            asked = self._descriptors.read_dial(source, payload)
        except DecodeError as error:
            self.refused[error.reason] += 1
            return None
        credentials = self._port.new_credentials()
        reason = self._judge(asked)
        if reason is None and await self._lives(asked):
            reason = "linked"
        elif reason is None:
            reason = self._judge(asked)  # again: asking took its time
        if reason is None:
            try:
                link = self._begin(source, credentials, asked, dialled=False)
            except MeshError:
                reason = "busy"
            else:
                self._hand_over(link, asked)
        if reason is not None:
            self.refused[f"asked-{reason}"] += 1
            made = self._descriptors.refusal(asked, reason)
        else:
            made = self._descriptors.answer(asked, credentials)
        return self._descriptors.written(made, source)

    def _judge(self, asked: LinkDescriptor) -> str | None:
        """None to a welcome dial, else why not."""
        node = asked.peer.node
        entry = self._entries.get(node)
        if not asked.oldest <= VERSION <= asked.newest:
            return "version"
        if entry is not None and _order(asked) <= entry.order:
            return "late"
        ours = self._dials.get(node)
        if ours is not None and ours.is_fresh and self._keys.node < node:
            return "crossed"
        return self._accepts(asked.peer, purpose_of(asked))

    async def _lives(self, asked: LinkDescriptor) -> bool:
        """Whether the dial is needless: the association in place is alive at both ends.

        One of an earlier life of the node cannot be.
        """
        entry = self._entries.get(asked.peer.node)
        if entry is None or entry.order[0] != asked.peer.epoch:
            return False
        return await entry.link.answers()

    def _hand_over(self, link: L, asked: LinkDescriptor) -> None:
        """To the dial of ours that it beat, or to the owner when it stands."""
        ours = self._dials.get(asked.peer.node)
        if ours is not None:
            ours.take(link)
            if self._keys.node < asked.peer.node:
                # theirs survives, so an answer to ours must not undo it
                ours.asking.cancel()
            return
        purpose = purpose_of(asked)
        told = False

        def changed(changed_link: L) -> None:
            nonlocal told
            if changed_link.state.value == "connected" and not told:
                told = True
                if self._on_link is not None:
                    self._on_link(changed_link, purpose)

        link.on_state(changed)

    # -- both --------------------------------------------------------------------------

    def _begin(
        self,
        node: NodeId,
        credentials: tuple[str, str],
        found: LinkDescriptor,
        *,
        dialled: bool,
    ) -> L:
        """An association by both descriptors, in place of any older one."""
        ufrag, pwd = credentials
        link = self._port.link(
            node,
            local_ufrag=ufrag,
            local_pwd=pwd,
            remote=found,
            controlling=dialled,
            dtls_role="client" if dialled else "server",
        )
        entry = _Entry(link, _order(found))
        older = self._entries.get(node)
        self._entries[node] = entry
        if older is not None:
            older.link.close("replaced")
        link.on_state(lambda _: self._changed(node, entry))
        return link

    def _changed(self, node: NodeId, entry: _Entry[L]) -> None:
        ended = entry.link.state.value == "closed"
        if ended and self._entries.get(node) is entry:
            del self._entries[node]

    def __repr__(self) -> str:
        return f"<LinkMaker {len(self._entries)} links {len(self._dials)} dials>"


def _order(found: LinkDescriptor) -> tuple[int, int]:
    """The place of a descriptor among those of its node."""
    return found.peer.epoch, found.session
