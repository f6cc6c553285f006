"""The map of a node's status: who is on it, and what is known of each line."""

from __future__ import annotations

from meshnode.observe.mesh_map import NODES_MAX, map_of
from meshnode.observe.mesh_map import short as short_name
from support.mesh_view import ORIGIN, RELAY, mesh, peer, short


def test_every_node_is_what_it_is_nearest() -> None:
    kinds = {node.id: node.kind for node in map_of(mesh()).nodes}
    assert kinds[short(0)] == "self"
    assert kinds[short(2)] == "neighbour"
    assert kinds[short(ORIGIN)] == "origin"
    assert kinds[short(RELAY)] == "path"


def test_who_was_only_told_of_has_no_peer_id() -> None:
    nodes = {node.id: node.node for node in map_of(mesh()).nodes}
    assert nodes[short(RELAY)] is None
    assert nodes[short(ORIGIN)] is not None


def test_links_are_those_that_stand() -> None:
    drawn = map_of(mesh(peers=(peer(1), peer(2, ready=False))))
    assert [link.target for link in drawn.links] == [short(1)]
    assert drawn.links[0].rtt_s == 0.01


def test_edges_follow_media_and_say_how_they_are_known() -> None:
    (tree,) = map_of(mesh()).trees
    edges = {(edge.source, edge.target): edge.role for edge in tree.edges}
    assert edges == {
        (short(ORIGIN), short(RELAY)): "told",
        (short(RELAY), short(2)): "told",
        (short(2), short(0)): "active",
        (short(4), short(0)): "standby",
        (short(0), short(1)): "active",
        (short(0), short(5)): "active",
    }


def test_the_map_says_that_it_is_partial_and_is_bounded() -> None:
    many = mesh(peers=tuple(peer(number) for number in range(1, 200)) * 4)
    drawn = map_of(many)
    assert drawn.partial
    assert len(drawn.nodes) <= NODES_MAX


def test_what_is_no_peer_id_has_no_short_name() -> None:
    assert short_name("0OIl") == ""
