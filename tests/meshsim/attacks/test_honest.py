"""An honest node is the real router on the virtual clock."""

from __future__ import annotations

from meshproto.gossip.peers import Version
from meshproto.ids import NodeId
from meshproto.wire import pubsub
from meshsim.attacks.honest import HonestHost, Nobody, seal, sealed
from meshsim.attacks.profile import Scoring, profile
from meshsim.attacks.record import Record
from meshsim.attacks.setups import SETUPS
from meshsim.engine import Engine

TOPIC = SETUPS["dawn"].topic
DELAY_S = 0.02


class Pair:
    """Two honest nodes and a wire between them."""

    def __init__(self) -> None:
        self.engine = Engine(1)
        self.record = Record()
        config = profile(SETUPS["dawn"], Scoring.SETUP, 6.0)
        self.hosts = [
            HonestHost(
                number,
                NodeId(b"honest-%d" % number),
                config,
                self.engine,
                self.record,
                self.carry,
            )
            for number in (0, 1)
        ]
        self.said: list[tuple[int, pubsub.Rpc]] = []

    def carry(self, source: int, to: NodeId, rpc: bytes) -> None:
        self.said.append((source, pubsub.decode(rpc)))
        far = self.hosts[1 - source]
        assert far.node == to
        at = self.engine.now + DELAY_S
        self.engine.at(at, far.hear, self.hosts[source].node, rpc, at)

    def meet(self) -> None:
        one, two = self.hosts
        for host in self.hosts:
            host.join(TOPIC)
        one.connected(two, True)
        two.connected(one, False)
        self.engine.run_until(3.0)


def test_two_nodes_graft_each_other_on_a_heartbeat() -> None:
    pair = Pair()
    pair.meet()
    one, two = pair.hosts
    assert one.router.mesh(TOPIC) == [two.node]
    assert two.router.mesh(TOPIC) == [one.node]


def test_a_message_is_recorded_where_it_is_written_and_where_it_arrives() -> None:
    pair = Pair()
    pair.meet()
    pair.hosts[0].publish(TOPIC, b"news")
    pair.engine.run_until(4.0)
    assert list(pair.record.authors) == [0]
    assert list(pair.record.receivers) == [1]
    assert abs(pair.record.delays_s[0] - DELAY_S) < 1e-9


def test_an_accepted_message_raises_the_score_of_who_brought_it() -> None:
    pair = Pair()
    pair.meet()
    one, two = pair.hosts
    before = two.router.score(one.node, pair.engine.now)
    one.publish(TOPIC, b"news")
    pair.engine.run_until(3.5)
    assert two.router.score(one.node, pair.engine.now) > before


def test_the_neighbour_sees_address_and_version() -> None:
    one, two = Pair().hosts
    assert one.address != two.address
    assert one.version is Version.V1_1


def test_a_seal_holds_for_its_node_and_data_only() -> None:
    one, two = NodeId(b"one"), NodeId(b"two")
    assert sealed(one, b"data", seal(one, b"data"))
    assert not sealed(two, b"data", seal(one, b"data"))
    assert not sealed(one, b"date", seal(one, b"data"))
    assert len(seal(one, b"")) == 64


def test_nobody_offers_peers() -> None:
    assert Nobody().peer_record(NodeId(b"one")) is None
