"""Two nodes set up links over real ports; descriptors travel by a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshnode.control import links
from meshnode.media import link_transport
from meshnode.media.link_transport import LinkState
from meshproto.errors import LimitError, MeshError, StateError
from meshproto.outputs import Purpose
from support.links import LinkNode, bury, open_node
from support.media import until


@pytest.fixture
async def pair() -> AsyncIterator[tuple[LinkNode, LinkNode]]:
    """Two nodes, that of the lower NodeId first."""
    others: dict = {}
    made = [await open_node(1, others), await open_node(2, others)]
    made.sort(key=lambda node: node.keys.node)
    yield made[0], made[1]
    for node in made:
        await node.port.close()


def count(node: LinkNode) -> int:
    return node.port.stats()["links"]


async def test_a_dial_gives_a_link_at_both_ends(pair) -> None:
    one, two = pair
    link = await one.dial(two, Purpose.TREE)
    assert link.state is LinkState.CONNECTED
    await until(lambda: two.links)
    (other, purpose) = two.links[0]
    assert other.state is LinkState.CONNECTED
    assert purpose is Purpose.TREE
    assert not one.links


async def test_a_node_that_is_not_welcome_is_told_why(pair) -> None:
    one, two = pair
    two.welcome = "full"
    with pytest.raises(StateError, match="full"):
        await one.dial(two)
    assert count(one) == count(two) == 0
    assert two.maker.refused == {"asked-full": 1}


async def test_a_label_that_is_none_is_not_repeated(pair) -> None:
    one, two = pair
    two.welcome = "<b>No!</b>"
    with pytest.raises(StateError, match=r"^other$"):
        await one.dial(two)


@pytest.mark.parametrize("_", range(5))
async def test_crossing_dials_end_in_one_link_and_both_have_it(pair, _) -> None:
    lower, higher = pair
    mine, theirs = await asyncio.gather(lower.dial(higher), higher.dial(lower))
    assert mine.dialled
    assert not theirs.dialled
    assert count(lower) == count(higher) == 1
    assert not lower.links
    assert not higher.links
    got: list[bytes] = []
    theirs.on_frame(got.append)
    mine.send(b"one link")
    await until(lambda: got)


async def test_the_higher_dial_is_answered_crossed_when_it_comes_first(pair) -> None:
    """The lower node's descriptor takes longer than the answer to the other."""
    lower, higher = pair
    slow = asyncio.Event()

    async def carry(node, payload) -> bytes:
        await slow.wait()
        answer = await higher.maker.answered(lower.keys.node, payload)
        assert answer is not None
        return answer

    lower.carry = carry
    dials = asyncio.gather(lower.dial(higher), higher.dial(lower))
    await until(lambda: lower.maker.refused["asked-crossed"])
    slow.set()
    mine, theirs = await dials
    assert (mine.dialled, theirs.dialled) == (True, False)
    assert count(lower) == count(higher) == 1


async def test_a_crossed_dial_whose_survivor_never_comes_fails(
    pair, monkeypatch
) -> None:
    lower, higher = pair
    monkeypatch.setattr(links, "CROSSING_WAIT_S", 0.1)

    async def lost(node, payload) -> bytes:
        await asyncio.sleep(0.5)
        raise StateError("no-answer")

    lower.carry = lost
    results = await asyncio.gather(
        lower.dial(higher), higher.dial(lower), return_exceptions=True
    )
    assert [str(error) for error in results] == ["no-answer", "crossed"]


async def test_a_node_that_restarted_replaces_its_old_link(pair) -> None:
    one, two = pair
    await one.dial(two)
    await until(lambda: two.links)
    older = two.links[0][0]
    again = await open_node(0, one.others)
    again.maker._keys = again.keys = one.keys
    again.maker._descriptors._keys = one.keys
    link = await again.dial(two)
    assert link.state is LinkState.CONNECTED
    assert older.state is LinkState.CLOSED
    assert older.close_reason == "replaced"
    assert count(two) == 1
    await again.port.close()


async def test_a_descriptor_older_than_the_link_is_late(pair) -> None:
    one, two = pair
    early = one.maker._descriptors.dial(Purpose.TREE, one.port.new_credentials())
    link = await one.dial(two)
    payload = one.maker._descriptors.written(early, two.keys.node)
    answer = await two.maker.answered(one.keys.node, payload)
    found = one.maker._descriptors.read_answer(early, two.keys.node, answer)
    assert found.refused == "late"
    await until(lambda: two.links)
    assert two.links[0][0].state is LinkState.CONNECTED
    assert link.state is LinkState.CONNECTED


async def test_no_second_link_with_a_neighbour(pair) -> None:
    one, two = pair
    await one.dial(two)
    await until(lambda: two.links)
    for dialler, other in ((one, two), (two, one)):
        with pytest.raises(StateError, match="linked"):
            await dialler.dial(other)
    with pytest.raises(StateError, match="linked"):
        await one.dial(one)


async def test_after_a_link_ended_another_can_be_made(pair) -> None:
    one, two = pair
    first = await one.dial(two)
    first.close("traded")
    await until(lambda: count(two) == 0)
    assert (await two.dial(one)).state is LinkState.CONNECTED


async def test_a_silent_link_may_be_dialled_anew(pair) -> None:
    one, two = pair
    first = await one.dial(two)
    await until(lambda: two.links)
    bury(one, first)
    second = await one.dial(two)
    assert first.state is LinkState.CLOSED
    assert second.state is LinkState.CONNECTED
    assert two.links[0][0].close_reason == "replaced"
    assert count(one) == count(two) == 1


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour is waited for longer than on a machine that is not busy."""
    monkeypatch.setattr(link_transport, "ANSWER_MIN_S", 10.0)
    monkeypatch.setattr(link_transport, "ANSWER_MAX_S", 10.0)


@pytest.mark.parametrize("told", [True, False], ids=["both ends", "one end"])
@pytest.mark.usefixtures("patient")
async def test_a_dial_does_not_replace_a_link_that_lives_again(pair, told) -> None:
    one, two = pair
    first = await one.dial(two)
    await until(lambda: two.links)
    (other, _) = two.links.pop()
    first.park()
    if told:
        other.park()
    with pytest.raises(StateError, match="linked"):
        await one.dial(two)
    assert first.state is LinkState.RESUMED
    assert other.state is (LinkState.RESUMED if told else LinkState.CONNECTED)
    assert count(one) == count(two) == 1
    assert two.maker.refused == {"asked-linked": 1}
    got: list[bytes] = []
    other.on_frame(got.append)
    first.send(b"still the first")
    await until(lambda: got)


@pytest.mark.usefixtures("patient")
async def test_a_link_that_resumes_while_a_dial_is_under_way_stays(pair) -> None:
    one, two = pair
    first = await one.dial(two)
    await until(lambda: two.links)
    (other, _) = two.links.pop()
    for link in (first, other):
        link.park()
    slow = asyncio.Event()

    async def carry(_, payload) -> bytes:
        await slow.wait()
        answer = await two.maker.answered(one.keys.node, payload)
        assert answer is not None
        return answer

    one.carry = carry
    dial = asyncio.ensure_future(one.dial(two))
    await until(lambda: first.state is other.state is LinkState.RESUMED)
    slow.set()
    with pytest.raises(StateError, match="linked"):
        await dial
    assert first.state is other.state is LinkState.RESUMED


@pytest.mark.usefixtures("patient")
async def test_crossing_dials_do_not_replace_a_link_that_lives_again(pair) -> None:
    lower, higher = pair
    first = await lower.dial(higher)
    await until(lambda: higher.links)
    (other, _) = higher.links.pop()
    for link in (first, other):
        link.park()
    dials = (lower.dial(higher), higher.dial(lower))
    results = await asyncio.gather(*dials, return_exceptions=True)
    assert {str(error) for error in results} <= {"linked", "crossed"}
    assert first.state is other.state is LinkState.RESUMED


@pytest.mark.parametrize(
    ("answer", "label"),
    [(b"", "seal-kind"), (b"\x02" + bytes(60), "seal"), (b"\x01" * 90, "descriptor")],
)
async def test_nonsense_for_an_answer_fails_the_dial(pair, answer, label) -> None:
    one, two = pair

    async def carry(node, payload) -> bytes:
        return answer

    one.carry = carry
    with pytest.raises(MeshError, match=label):
        await one.dial(two)
    assert sum(one.maker.refused.values()) == 1


async def test_nonsense_for_a_dial_is_not_answered(pair) -> None:
    one, two = pair
    for payload in (b"", b"\x01" * 200, b"\x02" + bytes(100)):
        assert await two.maker.answered(one.keys.node, payload) is None
    assert sum(two.maker.refused.values()) == 3
    assert count(two) == 0


async def test_descriptors_of_strangers_are_opened_at_a_rate(pair, monkeypatch) -> None:
    one, two = pair
    opened: list[bytes] = []
    read = two.maker._descriptors.read_dial

    def counted(source, payload):
        opened.append(payload)
        return read(source, payload)

    monkeypatch.setattr(two.maker._descriptors, "read_dial", counted)
    for _ in range(1000):
        assert await two.maker.answered(one.keys.node, b"\x01" * 99) is None
    assert 50 <= len(opened) < 1000
    assert two.maker.refused["asked-rate"] == 1000 - len(opened)


async def test_a_node_out_of_reach_is_told_as_such(pair) -> None:
    one, two = pair

    async def carry(node, payload) -> bytes:
        raise OSError

    one.carry = carry
    with pytest.raises(StateError, match="no-answer"):
        await one.dial(two)


async def test_dials_under_way_are_bounded(pair, monkeypatch) -> None:
    one, two = pair
    monkeypatch.setattr(links, "DIALS_MAX", 0)
    with pytest.raises(LimitError, match="dials"):
        await one.dial(two)


async def test_a_busy_node_says_so(pair, monkeypatch) -> None:
    one, two = pair

    def full(*_, **__):
        raise LimitError("handshakes_per_s", 50)

    monkeypatch.setattr(two.port, "link", full)
    with pytest.raises(StateError, match="busy"):
        await one.dial(two)


async def test_a_cancelled_dial_leaves_nothing(pair) -> None:
    one, two = pair
    begun = asyncio.Event()

    async def carry(node, payload) -> bytes:
        begun.set()
        await asyncio.sleep(60)
        return b""

    one.carry = carry
    dial = asyncio.ensure_future(one.dial(two))
    await begun.wait()
    dial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dial
    assert repr(one.maker) == "<LinkMaker 0 links 0 dials>"


async def test_a_link_over_ipv6() -> None:
    others: dict = {}
    one = await open_node(1, others, hosts=["127.0.0.1", "::1"])
    two = await open_node(2, others, hosts=["::1"])
    link = await one.dial(two)
    assert link.address == two.candidates[0]
    for node in (one, two):
        await node.port.close()


async def test_a_link_between_wildcard_sockets() -> None:
    others: dict = {}
    one = await open_node(1, others, hosts=["0.0.0.0"])
    two = await open_node(2, others, hosts=["0.0.0.0"])
    port = two.candidates[0][1]
    one.candidates = (("127.0.0.1", one.candidates[0][1]),)
    two.candidates = (("127.0.0.2", port), ("127.0.0.3", port))
    link = await one.dial(two)
    assert link.address[0] in {"127.0.0.2", "127.0.0.3"}
    await until(lambda: two.links)
    got: list[bytes] = []
    link.on_frame(got.append)
    two.links[0][0].send(b"from the address that was asked")
    await until(lambda: got)
    for node in (one, two):
        await node.port.close()
