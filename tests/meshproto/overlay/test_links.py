"""Links are counted by sort and by family; guests and trees apart."""

from __future__ import annotations

from meshproto.config.overlay import OverlayConfig
from meshproto.outputs import Purpose
from meshproto.overlay.links import Kind, Link, Links
from support.overlay_parts import node


def made() -> Links:
    return Links(OverlayConfig())


def link(
    index: int, kind: Kind = Kind.NEAR, key: bytes = b"", guest: bool = False
) -> Link:
    made = Link(node(index), kind, True, 0.0)
    made.keys = (key,) if key else ()
    made.guest = guest
    return made


def test_guests_and_tree_links_are_no_part_of_the_graph() -> None:
    links = made()
    for index, kind, guest in (
        *((1, Kind.NEAR, False), (2, Kind.INBOUND, True), (3, Kind.TREE, False)),
    ):
        links.add(link(index, kind, guest=guest))
    assert (len(links), links.lasting, links.guests, links.trees) == (3, 1, 1, 1)
    assert [each.node for each in links if each.lasting] == [node(1)]
    assert node(2) in links


def test_removing_undoes_all_counts() -> None:
    links = made()
    links.add(link(1, Kind.TREE, b"abc"))
    assert links.remove(node(1)) is not None
    assert links.remove(node(1)) is None
    assert (len(links), links.trees) == (0, 0)
    assert links.refusal((b"abc",), Purpose.TREE) is None


def test_the_third_link_into_one_network_is_refused() -> None:
    links = made()
    links.add(link(1, key=b"abc"))
    assert links.refusal((b"abc",), Purpose.OVERLAY) is None
    links.add(link(2, key=b"abc"))
    assert links.refusal((b"abc",), Purpose.OVERLAY) == "prefix"
    assert links.refusal((b"abd",), Purpose.OVERLAY) is None


def test_trees_have_quotas_of_their_own() -> None:
    links = made()
    for index in range(1, 3):
        links.add(link(index, key=b"abc"))
    assert links.refusal((b"abc",), Purpose.TREE) is None
    for index in range(10, 26):
        links.add(link(index, Kind.TREE, b"abc"))
    assert links.refusal((b"abc",), Purpose.TREE) == "prefix"


def test_a_link_that_moves_into_a_full_network_is_noticed() -> None:
    links = made()
    for index in (1, 2):
        links.add(link(index, key=b"abc"))
    moving = link(3, key=b"xyz")
    links.add(moving)
    assert links.rekey(moving, (b"abd",)) is None
    assert links.rekey(moving, (b"abc",)) == "prefix"
    assert links.refusal((b"xyz",), Purpose.OVERLAY) is None


def test_changing_a_links_kind_moves_it_between_the_counts() -> None:
    links = made()
    one = link(1, Kind.TREE, b"abc")
    links.add(one)
    links.change(one, Kind.NEAR)
    assert (links.trees, links.lasting) == (0, 1)
    links.change(one, Kind.NEAR, guest=True)
    assert (links.guests, links.lasting) == (1, 0)
    assert links.get(node(1)) is one
    assert repr(one) == "<Link 00000001 near out guest>"
