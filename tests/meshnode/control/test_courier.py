"""Descriptors on their two ways: through a neighbour, else over libp2p."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from meshnode.control import courier as module
from meshnode.control import envelope
from meshnode.control.courier import Courier, RefusedError
from meshnode.control.libp2p.values import DialError
from meshproto.errors import MeshError
from meshproto.ids import NodeId
from support.media import until

TARGET, THROUGH = NodeId(b"target"), NodeId(b"through")
DIAL, ANSWER = b"\1please", b"\2of course"


class Host:
    """Answers every exchange with `answer`; an exception is raised instead."""

    def __init__(self) -> None:
        self.answer: bytes | Exception = ANSWER
        self.asked: list[tuple[NodeId, bytes]] = []

    async def connect(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        assert addresses == ["/ip4/192.0.2.1/tcp/5000"]
        assert node is not None
        return node

    async def exchange(self, node: NodeId, payload: bytes, timeout_s: float) -> bytes:
        self.asked.append((node, payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Rig:
    def __init__(self) -> None:
        self.host = Host()
        self.introduced: list[tuple[NodeId, NodeId, bytes]] = []
        self.linked = True
        self.courier = Courier(
            self.host,  # type: ignore[arg-type]
            self._introduce,
            lambda node: ["/ip4/192.0.2.1/tcp/5000"],
        )

    def _introduce(self, target: NodeId, through: NodeId, payload: bytes) -> bool:
        self.introduced.append((target, through, payload))
        return self.linked

    def ask(self, through: NodeId | None) -> asyncio.Task[bytes]:
        self.courier.go_through(TARGET, through)
        return asyncio.create_task(self.courier.exchange(TARGET, DIAL))


@pytest.fixture
async def rig() -> Rig:
    return Rig()


async def test_without_a_neighbour_it_goes_over_libp2p(rig: Rig) -> None:
    assert await rig.ask(None) == ANSWER
    assert rig.host.asked == [(TARGET, DIAL)]
    assert not rig.introduced


async def test_through_a_neighbour_libp2p_is_not_needed(rig: Rig) -> None:
    task = rig.ask(THROUGH)
    await asyncio.sleep(0)
    assert rig.introduced == [(TARGET, THROUGH, DIAL)]
    assert rig.courier.arrived(TARGET, THROUGH, ANSWER)
    assert await task == ANSWER
    assert not rig.host.asked


async def test_only_the_answer_that_was_asked_for_counts(rig: Rig) -> None:
    task = rig.ask(THROUGH)
    await asyncio.sleep(0)
    assert not rig.courier.arrived(TARGET, NodeId(b"another"), ANSWER)
    assert not rig.courier.arrived(NodeId(b"somebody"), THROUGH, ANSWER)
    assert not rig.courier.arrived(TARGET, THROUGH, DIAL)
    assert not task.done()
    assert rig.courier.arrived(TARGET, THROUGH, ANSWER)
    await task
    assert not rig.courier.arrived(TARGET, THROUGH, ANSWER)


@pytest.mark.parametrize("how", ["unlinked", "failed", "silent"])
async def test_a_neighbour_that_cannot_help_costs_the_slow_way(
    rig: Rig, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTRODUCTION_S", 0.02)
    rig.linked = how != "unlinked"
    task = rig.ask(THROUGH)
    await asyncio.sleep(0)
    if how == "failed":
        rig.courier.failed(TARGET, NodeId(b"another"))
        rig.courier.failed(TARGET, THROUGH)
    assert await task == ANSWER
    assert rig.host.asked == [(TARGET, DIAL)]


@pytest.mark.parametrize(
    "slow", [DialError("unreachable"), envelope.refusal("unreadable")]
)
async def test_a_late_answer_counts_where_libp2p_has_none(
    rig: Rig, slow: bytes | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTRODUCTION_S", 0.02)
    rig.host.answer = slow
    task = rig.ask(THROUGH)
    await until(lambda: rig.host.asked)
    late = ANSWER + b", at last"
    assert rig.courier.arrived(TARGET, THROUGH, late)
    assert await task == late
    assert rig.courier.counts["introduced-late"] == 1


async def test_where_nothing_comes_late_either_libp2p_says_why(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTRODUCTION_S", 0.02)
    monkeypatch.setattr(module, "LATE_S", 0.02)
    rig.host.answer = DialError("unreachable")
    with pytest.raises(DialError, match="unreachable"):
        await rig.ask(THROUGH)


async def test_a_refusal_has_a_label(rig: Rig) -> None:
    rig.host.answer = envelope.refusal("busy")
    with pytest.raises(RefusedError) as caught:
        await rig.ask(None)
    assert caught.value.label == "busy"


@pytest.mark.parametrize("answer", [b"", b"\1again", b"\7", DialError("timeout")])
async def test_what_is_no_answer_is_an_error(rig: Rig, answer: bytes) -> None:
    rig.host.answer = answer
    with pytest.raises(MeshError):
        await rig.ask(None)
