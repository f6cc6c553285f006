from __future__ import annotations

import pytest

from meshproto.gossip.peers import Peer, Version
from meshproto.gossip.topics import Topics
from support.gossip import OTHER, TOPIC, node_id


def peer(number: int = 1) -> Peer:
    return Peer(node_id(number), outbound=False, version=Version.V1_1, direct=False)


def test_a_topic_exists_while_somebody_is_in_it() -> None:
    topics, a, b = Topics(), peer(1), peer(2)
    topics.subscribe(a, TOPIC)
    topics.subscribe(b, TOPIC)
    assert [topic.name for topic in topics] == [TOPIC]
    assert list(a.topics) == [TOPIC]
    topics.unsubscribe(a, TOPIC)
    assert topics.get(TOPIC)
    topics.unsubscribe(b, TOPIC)
    assert topics.get(TOPIC) is None
    assert not a.topics


def test_leaving_what_one_never_joined_changes_nothing() -> None:
    topics, a = Topics(), peer()
    topics.subscribe(a, TOPIC)
    assert topics.unsubscribe(a, OTHER) is None
    assert topics.unsubscribe(peer(2), TOPIC) is None
    assert len(topics) == 1


def test_who_unsubscribes_is_out_of_mesh_and_fanout() -> None:
    topics, a = Topics(), peer()
    topics.subscribe(a, TOPIC)
    topics.subscribe(a, OTHER)
    joined = topics.join(TOPIC)
    assert joined.mesh == {}
    joined.mesh = {a.node: a}
    spread = topics.spread(OTHER)
    spread.fanout = {a.node: a}
    assert topics.unsubscribe(a, TOPIC) is joined
    assert joined.mesh == {}
    assert topics.unsubscribe(a, OTHER) is None
    assert spread.fanout == {}
    assert len(topics) == 2


def test_our_topics_are_told_in_the_order_of_joining() -> None:
    topics = Topics()
    topics.join(OTHER)
    topics.join(TOPIC)
    assert [topic.name for topic in topics.ours()] == [OTHER, TOPIC]
    topics.leave(topics.ours()[0])
    assert [topic.name for topic in topics.ours()] == [TOPIC]
    assert topics.joined(OTHER) is None
    assert topics.get(OTHER) is None


def test_a_fanout_ends_and_leaves_nothing() -> None:
    topics = Topics()
    spread = topics.spread(TOPIC)
    assert topics.spread(TOPIC) is spread
    assert topics.fanouts() == [spread]
    topics.end_fanout(spread)
    assert not topics.fanouts()
    assert len(topics) == 0


@pytest.mark.parametrize(("joined", "text"), [(False, "mesh -"), (True, "mesh 0")])
def test_a_topic_says_how_it_stands(joined: bool, text: str) -> None:
    topics = Topics()
    topics.subscribe(peer(), TOPIC)
    if joined:
        topics.join(TOPIC)
    assert repr(topics.get(TOPIC)) == f"<Topic {TOPIC} 1 subscribers, {text}>"
