"""The values of a tree."""

from __future__ import annotations

from meshproto.distribution.tree import Child, Tree, Upper
from meshproto.wire.control.distribution import Use
from support.tree_bench import ORIGIN, STREAM, demand, join, node


def child(use: Use) -> Child:
    return Child(join(1, use), node(5), 64, 10.0)


def test_what_an_edge_is_for_says_what_flows() -> None:
    flows = {use: child(use).carries for use in Use}
    assert [use for use, carries in flows.items() if not carries] == [Use.STANDBY]
    assert {use for use in Use if child(use).active} == {
        Use.NEW,
        Use.REPAIR,
        Use.STARVED,
    }
    assert not child(Use.DUAL).full
    assert child(Use.MOVE).full


def test_a_report_replaces_the_last_and_what_was_promised() -> None:
    one = child(Use.NEW)
    one.promised = 3
    one.hear(demand(subtree=9, room=4, lease_s=2.0), 20.0)
    assert one.report == (1, 9, 4, 4)
    assert one.lease_at == 18.0
    assert one.promised == 0


def test_a_tree_is_wanted_for_viewers_children_joiners_or_a_publisher() -> None:
    tree = Tree(STREAM, ORIGIN)
    assert not tree.wanted
    tree.children[node(5)] = child(Use.NEW)
    assert tree.wanted
    tree.children.clear()
    tree.queue[node(5)] = (join(1), 0.0)
    assert tree.wanted
    tree.queue.clear()
    tree.publishing = True
    assert tree.wanted
    assert tree.attached


def test_packets_are_not_needed_by_one_who_only_stands_by() -> None:
    tree = Tree(STREAM, ORIGIN)
    tree.children[node(5)] = child(Use.STANDBY)
    tree.queue[node(6)] = (join(1, Use.STANDBY), 0.0)
    assert tree.wanted
    assert not tree.needed
    tree.queue[node(7)] = (join(1), 0.0)
    assert tree.needed
    tree.queue.clear()
    tree.children[node(8)] = child(Use.DUAL)
    assert tree.needed


def test_a_node_joins_until_it_has_its_first_parent() -> None:
    tree = Tree(STREAM, ORIGIN)
    assert not tree.joining
    tree.began_at = 1.0
    assert tree.joining
    tree.parent = Upper(node(2), 1, Use.NEW)
    assert not tree.joining


def test_members_are_remembered_the_latest_few() -> None:
    tree = Tree(STREAM, ORIGIN)
    for number in (1, 2, 3, 1, 4):
        tree.remember(node(number), 0.1, 3)
    assert list(tree.known) == [node(3), node(1), node(4)]
