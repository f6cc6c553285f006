from __future__ import annotations

from meshproto.gossip.peers import Peer, Version
from support.gossip import node_id


def peer() -> Peer:
    return Peer(node_id(1), outbound=True, version=Version.V1_1, direct=False)


def test_versions_differ_in_what_they_understand() -> None:
    assert [one.has_backoff for one in Version] == [False, True, True]
    assert [one.has_idontwant for one in Version] == [False, False, True]
    assert Version("/meshsub/1.1.0") is Version.V1_1


def test_counts_are_of_one_heartbeat() -> None:
    found = peer()
    found.count_from(5)
    found.ihaves = found.asked_ids = found.idontwants = 3
    found.count_from(5)
    assert found.ihaves == 3
    found.count_from(6)
    assert (found.ihaves, found.asked_ids, found.idontwants) == (0, 0, 0)


def test_what_is_not_wanted_is_forgotten_heartbeats_later() -> None:
    found = peer()
    assert not found.refuses(b"m", 1)
    found.refuse(b"m", 4)
    found.refuse(b"n", 5)
    assert found.refuses(b"m", 3)
    assert not found.refuses(b"m", 4)
    assert found.refuses(b"n", 4)
    assert not found.refuses(b"n", 5)
    assert found.unwanted is None


def test_saying_it_again_renews_it() -> None:
    found = peer()
    found.refuse(b"m", 4)
    found.refuse(b"n", 4)
    found.refuse(b"m", 6)
    assert found.refuses(b"m", 5)
    assert not found.refuses(b"n", 5)


def test_a_peer_says_who_it_is() -> None:
    assert repr(peer()) == "<Peer 00000001 out V1_1>"
