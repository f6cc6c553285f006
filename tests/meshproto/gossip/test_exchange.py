from __future__ import annotations

import pytest

from meshproto.gossip import exchange
from meshproto.gossip.topics import Topic
from meshproto.ids import NodeId
from meshproto.wire.control.peer import parse_peer
from meshproto.wire.pubsub import PeerInfo
from support.gossip import ME, TOPIC, Rig, node_id, offered, record_of

STRANGER = node_id(500)


def joined(rig: Rig) -> Topic:
    found = rig.router._state.topics.joined(TOPIC)
    assert found is not None
    return found


def trusted() -> tuple[Rig, NodeId]:
    rig = Rig()
    rig.join()
    node = rig.up()
    rig.router.scores.set_app(node, rig.config.thresholds.accept_px)
    return rig, node


def offers(rig: Rig, node: NodeId) -> tuple[PeerInfo, ...]:
    return exchange.offers(
        rig.router._state, joined(rig), rig.router._state.peers[node]
    )


def test_other_subscribers_in_good_standing_are_offered_with_their_records() -> None:
    rig, pruned = trusted()
    good, bad, elsewhere = rig.up(), rig.up(), rig.up(topics=())
    rig.router.scores.set_app(bad, -1)
    ((info,),) = [offers(rig, pruned)]
    assert info.peer == good
    assert parse_peer(info.record or b"").node == good
    assert elsewhere != good


def test_no_more_are_offered_than_agreed_and_not_always_the_same() -> None:
    rig, pruned = trusted()
    rig.ups(40)
    first, second = offers(rig, pruned), offers(rig, pruned)
    assert len(first) == len(second) == rig.config.prune_peers
    assert {one.peer for one in first} != {one.peer for one in second}


@pytest.mark.parametrize("record", [None, b"", bytes(701)])
def test_a_node_without_a_fit_record_is_not_offered(record: bytes | None) -> None:
    rig, pruned = trusted()
    rig.up()
    rig.router._state.surroundings.peer_record = lambda _: record  # type: ignore[method-assign]
    assert offers(rig, pruned) == ()


def test_offering_can_be_switched_off() -> None:
    rig = Rig(offer_peers=False)
    rig.join()
    nodes = rig.ups(14)
    for node in nodes:
        rig.graft(node)
    prunes = [told for _, told in rig.prunes()]
    assert prunes
    assert not any(told.peers for told in prunes)


def test_an_offer_of_the_trusted_becomes_a_wish() -> None:
    rig, node = trusted()
    rig.prune(node, peers=offered(STRANGER))
    ((wanted, record),) = rig.router.take_wanted()
    assert (wanted, record) == (STRANGER, record_of(STRANGER))


def test_we_and_our_neighbours_are_no_news() -> None:
    rig, node = trusted()
    other = rig.up()
    rig.prune(node, peers=offered(ME, other, node))
    assert rig.router.take_wanted() == []
    assert rig.refusals() == []


@pytest.mark.parametrize(
    "info",
    [
        PeerInfo(STRANGER),
        PeerInfo(STRANGER, b""),
        PeerInfo(STRANGER, b"no record"),
        PeerInfo(STRANGER, bytes(2000)),
        PeerInfo(STRANGER, record_of(node_id(501))),
        PeerInfo(STRANGER, record_of(STRANGER, node_id(501))),
        PeerInfo(b"", record_of(STRANGER)),
    ],
    ids=["none", "empty", "noise", "long", "of another", "signed by another", "no id"],
)
def test_a_record_must_be_the_nodes_own(info: PeerInfo) -> None:
    rig, node = trusted()
    rig.prune(node, peers=(info,))
    assert rig.router.take_wanted() == []
    assert rig.refusals() == ["gossip-exchange-record"]


def test_of_a_long_list_only_so_many_are_even_checked() -> None:
    rig, node = trusted()
    asked: list[NodeId] = []
    real = rig.router._state.verify

    def note(who: NodeId, data: bytes, signature: bytes) -> bool:
        asked.append(who)
        return real(who, data, signature)

    rig.router._state.verify = note
    rig.prune(node, peers=offered(*[node_id(500 + n) for n in range(60)]))
    assert len(asked) == rig.config.prune_peers
