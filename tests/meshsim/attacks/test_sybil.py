"""What a sybil does with the RPCs of an honest node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshproto.wire.pubsub import Message, Prune, Rpc
from meshsim.attacks.setups import SETUPS, Setup
from meshsim.attacks.sybil import Sybil
from meshsim.engine import Engine

TOPIC = "blocks"
HONEST = [NodeId(b"honest-%d" % number) for number in range(4)]
CAREFUL = SETUPS["cold-boot"]
OPEN = replace(CAREFUL, drop_share=0.0)


class Bench:
    """One sybil among honest nodes that only listen."""

    def __init__(self, setup: Setup) -> None:
        self.engine = Engine(1)
        self.said: list[tuple[NodeId, Rpc]] = []
        self.sybil = Sybil(
            9, NodeId(b"sybil"), b"a", setup, self.engine, self.carry, pubsub.decode
        )

    def carry(self, source: int, to: NodeId, rpc: bytes) -> None:
        assert source == 9
        self.said.append((to, pubsub.decode(rpc)))

    def hear(self, source: NodeId, piece: bytes) -> None:
        self.sybil.hear(source, piece, self.engine.now)

    def settle(self, *nodes: NodeId) -> None:
        for node in nodes:
            self.hear(node, pubsub.subscription(TOPIC, True))
        self.said.clear()

    def bring(self, source: NodeId, author: NodeId, number: int = 1) -> list[NodeId]:
        """Whom it passes a message of `author` on to."""
        self.said.clear()
        seqno = number.to_bytes(8, "big")
        message = Message(TOPIC, b"news", author, seqno, b"signed")
        self.hear(source, pubsub.publication(message))
        assert all(rpc.publish == (message,) for _, rpc in self.said)
        return [node for node, _ in self.said]

    def grafts(self) -> list[NodeId]:
        return [to for to, rpc in self.said if rpc.control and rpc.control.graft]


def test_it_joins_what_the_other_joined_and_grafts_itself_at_once() -> None:
    bench = Bench(CAREFUL)
    bench.hear(HONEST[0], pubsub.subscription(TOPIC, True))
    ((to, rpc),) = bench.said
    assert to == HONEST[0]
    assert rpc.subscriptions == (pubsub.Subscription(True, TOPIC),)
    assert rpc.control is not None
    assert rpc.control.graft == (TOPIC,)
    assert bench.sybil.meshes == 1


def test_it_leaves_alone_who_leaves_a_topic() -> None:
    bench = Bench(CAREFUL)
    bench.hear(HONEST[0], pubsub.subscription(TOPIC, False))
    assert bench.said == []


def test_it_drops_everything() -> None:
    bench = Bench(CAREFUL)
    bench.settle(*HONEST)
    assert bench.bring(HONEST[0], HONEST[3]) == []


def test_covert_it_is_a_good_neighbour_until_its_hour() -> None:
    bench = Bench(CAREFUL)
    bench.settle(*HONEST)
    bench.sybil.attacks_from = 120.0
    assert bench.bring(HONEST[0], HONEST[3]) == [HONEST[1], HONEST[2]]
    bench.engine.run_until(120.0)
    assert bench.bring(HONEST[0], HONEST[3], 2) == []


def test_a_censor_drops_one_author_only() -> None:
    bench = Bench(OPEN)
    bench.settle(*HONEST)
    bench.sybil.censored = HONEST[3]
    assert bench.bring(HONEST[0], HONEST[3]) == []
    assert bench.bring(HONEST[0], HONEST[2], 2) == [HONEST[1], HONEST[3]]


def test_a_degrader_drops_its_share() -> None:
    bench = Bench(replace(CAREFUL, drop_share=0.5))
    bench.settle(*HONEST)
    passed = sum(bool(bench.bring(HONEST[0], HONEST[3], n)) for n in range(400))
    assert 160 < passed < 240


def test_it_passes_a_message_on_once_and_forgets_it_in_time() -> None:
    bench = Bench(OPEN)
    bench.settle(*HONEST)
    assert bench.bring(HONEST[0], HONEST[3]) != []
    assert bench.bring(HONEST[1], HONEST[3]) == []
    bench.engine.run_until(OPEN.seen_s + 1)
    assert bench.bring(HONEST[0], HONEST[2], 2) != []
    assert bench.bring(HONEST[0], HONEST[3]) != []


def test_pruned_it_stays_away_for_the_back_off_and_comes_again() -> None:
    bench = Bench(OPEN)
    bench.settle(*HONEST)
    bench.hear(HONEST[1], pubsub.control([pubsub.prune(Prune(TOPIC))]))
    assert bench.bring(HONEST[0], HONEST[3]) == [HONEST[2]]
    bench.said.clear()
    bench.engine.run_until(OPEN.regraft_backoff_s)
    assert bench.grafts() == []
    bench.engine.run_until(OPEN.regraft_backoff_s + OPEN.regraft_delay_s)
    assert bench.grafts() == [HONEST[1]]
    assert bench.bring(HONEST[0], HONEST[3], 2) == [HONEST[2], HONEST[1]]


def test_grafted_it_takes_the_place() -> None:
    bench = Bench(OPEN)
    bench.hear(HONEST[0], pubsub.control([pubsub.graft(TOPIC)]))
    assert bench.sybil.meshes == 1
    assert bench.said == []


@pytest.mark.parametrize("piece", [pubsub.ihave(TOPIC, [b"id"]), pubsub.iwant([b"id"])])
def test_it_neither_asks_nor_answers(piece: bytes) -> None:
    bench = Bench(OPEN)
    bench.settle(*HONEST)
    bench.hear(HONEST[0], pubsub.control([piece]))
    assert bench.said == []


def test_a_connection_alone_makes_it_say_nothing() -> None:
    bench = Bench(OPEN)
    bench.sybil.connected(bench.sybil, True)
    assert bench.said == []
