"""Exchanges of two nodes that cross: in every order, with losses, after earlier links.

Descriptors and answers wait at a `Gate` until the test lets one pass, as if each had
taken its own way.  Whatever happens, both ends come to have the same association or
none, and the next dial gives one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations, product

import pytest

from meshnode.control import links
from meshnode.media import link_transport
from meshnode.media.link_transport import LinkState, LinkTransport
from meshproto.errors import MeshError, StateError
from support.links import LinkNode, bury, open_node
from support.media import until

DIALS = ("lower asks", "higher asks")
ANSWERS = {"lower asks": "higher answers", "higher asks": "lower answers"}
ORDERS = [
    order
    for order in permutations((*DIALS, *ANSWERS.values()))
    if all(order.index(dial) < order.index(ANSWERS[dial]) for dial in DIALS)
]
LOSSES = (*DIALS, *ANSWERS.values())


class Gate:
    """Messages that wait, by name, until they may pass or are lost."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[bool]] = {}
        self.sent: list[asyncio.Future[bytes]] = []

    async def passes(self, name: str) -> None:
        """Wait; raises `StateError` for a loss."""
        self.waiting[name] = asyncio.get_running_loop().create_future()
        if not await self.waiting[name]:
            raise StateError("no-answer")

    async def let(self, name: str, *, through: bool = True) -> None:
        """Let a message pass that is there or never comes, and all it leads to."""
        for _ in range(20):
            await asyncio.sleep(0)
        waiting = self.waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(through)
            for _ in range(20):
                await asyncio.sleep(0)


@pytest.fixture
async def pair(monkeypatch) -> AsyncIterator[tuple[LinkNode, LinkNode]]:
    """Two nodes, that of the lower NodeId first, with patience for a busy machine."""
    monkeypatch.setattr(links, "CROSSING_WAIT_S", 2.0)
    monkeypatch.setattr(link_transport, "HANDSHAKE_TIMEOUT_S", 10.0)
    others: dict = {}
    made = [await open_node(1, others), await open_node(2, others)]
    made.sort(key=lambda node: node.keys.node)
    yield made[0], made[1]
    for node in made:
        await node.port.close()


def hold(gate: Gate, node: LinkNode, other: LinkNode, asks: str) -> None:
    """From now on both halves of the node's exchanges wait at the gate."""

    async def way(payload: bytes) -> bytes:
        await gate.passes(asks)
        answer = await other.maker.answered(node.keys.node, payload)
        assert answer is not None
        await gate.passes(ANSWERS[asks])
        return answer

    async def carry(_, payload: bytes) -> bytes:
        # what was sent arrives, even if the sender waits no longer
        sent = asyncio.ensure_future(way(payload))
        gate.sent.append(sent)
        return await asyncio.shield(sent)

    node.carry = carry


def standing(node: LinkNode) -> list[LinkTransport]:
    """Associations of the node that are neither closed nor given up."""
    table = node.port._links._links.values()
    return [link for link in table if link.state.value in ("connected", "resumed")]


async def speak(one: LinkNode, other: LinkNode) -> None:
    """What one end sends over its link reaches the other end's."""
    (mine,), (theirs,) = standing(one), standing(other)
    got: list[bytes] = []
    theirs.on_frame(got.append)
    mine.send(b"the same link")
    await until(lambda: got)


async def linked_before(lower: LinkNode, higher: LinkNode) -> None:
    """A link that both ends lost, and that will not resume."""
    first = await lower.dial(higher)
    await until(lambda: higher.links)
    bury(lower, first)
    bury(higher, higher.links.pop()[0])


@pytest.mark.parametrize("before", [False, True], ids=["new", "linked before"])
@pytest.mark.parametrize("crossed_s", [1.0, 0.0], ids=["fresh", "old"])
@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_dials_that_cross_give_both_ends_the_same_link(
    pair, order, crossed_s, before, monkeypatch
) -> None:
    monkeypatch.setattr(links, "CROSSED_S", crossed_s)
    lower, higher = pair
    if before:
        await linked_before(lower, higher)
    gate = Gate()
    hold(gate, lower, higher, "lower asks")
    hold(gate, higher, lower, "higher asks")
    dials = asyncio.gather(lower.dial(higher), higher.dial(lower))
    for name in order:
        await gate.let(name)
    mine, theirs = await dials
    assert standing(lower) == [mine]
    assert standing(higher) == [theirs]
    await speak(lower, higher)


@pytest.mark.parametrize(("order", "lost"), list(product(ORDERS, LOSSES)), ids=str)
async def test_where_a_message_is_lost_the_next_dial_gives_a_link(
    pair, order, lost, monkeypatch
) -> None:
    # short patience, for what was lost is waited for
    monkeypatch.setattr(links, "CROSSING_WAIT_S", 0.4)
    monkeypatch.setattr(link_transport, "HANDSHAKE_TIMEOUT_S", 1.0)
    lower, higher = pair
    gate = Gate()
    hold(gate, lower, higher, "lower asks")
    hold(gate, higher, lower, "higher asks")
    dials = asyncio.gather(
        lower.dial(higher), higher.dial(lower), return_exceptions=True
    )
    for name in order:
        await gate.let(name, through=name != lost)
    assert all(isinstance(end, LinkTransport | MeshError) for end in await dials)
    lower.carry = higher.carry = None
    if not standing(lower):
        await lower.dial(higher)
    await until(lambda: len(standing(lower)) == len(standing(higher)) == 1)
    await speak(lower, higher)


async def test_an_answer_outlives_a_descriptor_that_was_given_up(pair) -> None:
    """The lower node gave its dial up and answered the other's; then its old descriptor
    arrives, before the answer.
    """
    lower, higher = pair
    gate = Gate()
    hold(gate, higher, lower, "higher asks")
    late: list[bytes] = []

    async def kept(_, payload: bytes) -> bytes:
        late.append(payload)
        return await asyncio.Future()

    lower.carry = kept
    given_up = asyncio.ensure_future(lower.dial(higher))
    await gate.let("")
    given_up.cancel()
    await asyncio.wait([given_up])
    dial = asyncio.ensure_future(higher.dial(lower))
    await gate.let("higher asks")
    assert await higher.maker.answered(lower.keys.node, late[0])
    await gate.let("lower answers")
    link = await dial
    assert link.dialled
    assert standing(higher) == [link]
    await until(lambda: lower.links)
    await speak(lower, higher)


async def test_a_dial_that_got_lost_does_not_keep_the_other_end_out(
    pair, monkeypatch
) -> None:
    lower, higher = pair
    gate = Gate()
    hold(gate, lower, higher, "lower asks")
    dial = asyncio.ensure_future(lower.dial(higher))
    await gate.let("higher asks")
    with pytest.raises(StateError, match="crossed"):
        await higher.dial(lower)
    monkeypatch.setattr(links, "CROSSED_S", 0.0)
    await higher.dial(lower)
    assert standing(lower) == [await dial]
    await gate.let("lower asks")
    await gate.let("higher answers")
    await speak(lower, higher)


async def test_a_node_that_restarts_during_a_dial_gives_it_its_new_link(pair) -> None:
    one, two = pair
    again = await open_node(0, one.others)
    again.maker._keys = again.keys = two.keys
    again.maker._descriptors._keys = two.keys
    dial = asyncio.ensure_future(one.dial(two))
    await until(lambda: one.port.stats()["links"])
    mine = await again.dial(one)
    link = await dial
    assert link.state is LinkState.CONNECTED
    assert standing(one) == [link]
    got: list[bytes] = []
    link.on_frame(got.append)
    mine.send(b"from the new life")
    await until(lambda: got)
    await again.port.close()


async def test_a_dial_waits_for_the_other_ends_handshake(pair) -> None:
    """And is of use again when nothing comes of it."""
    lower, higher = pair
    gate = Gate()
    hold(gate, higher, lower, "higher asks")
    dial = asyncio.ensure_future(higher.dial(lower))
    await gate.let("higher asks")
    mine = asyncio.ensure_future(lower.dial(higher))
    await gate.let("lower answers", through=False)
    with pytest.raises(StateError, match="no-answer"):
        await dial
    assert (await mine).dialled
    await until(lambda: higher.links)
    await speak(lower, higher)
