"""Many overlays at once: cold start, newcomers, eclipse, partition, trees."""

from __future__ import annotations

import pytest

from meshproto.outputs import Purpose
from meshproto.overlay.events import LinkTraded, LostPeerFound, SearchEnded
from support.overlay_net import (
    Net,
    Peer,
    address,
    classes,
    components,
    plane,
    share,
    stretches,
)
from support.overlay_parts import MediaAddress

pytestmark = pytest.mark.untraced


def cold(count: int, seed: int, extra: int = 0, coded: bool = False) -> Net:
    """A net whose nodes start at once, each with three random contacts."""
    copies = classes(count, seed)
    net = Net(plane(count + extra, seed)[0], seed, coded=coded)
    peers = [net.add(each) for each in copies]
    for peer in peers:
        contacts = net.random.sample([p for p in peers if p is not peer], 3)
        net.later(net.random.random() * 0.2, net.start, peer, contacts)
    return net


def capable(net: Net) -> list[Peer]:
    return [peer for peer in net.peers if peer.copies >= 4]


@pytest.fixture(scope="module")
def settled() -> Net:
    net = cold(120, 1, extra=40)
    net.run(120.0)
    return net


@pytest.mark.parametrize("seed", [1, 2])
def test_a_cold_start_of_all_at_once_becomes_one_mesh_in_fifteen_seconds(
    seed: int,
) -> None:
    net = cold(80, seed, coded=True)
    net.run(15.0)
    graph = net.graph()
    assert components(graph) == 1
    for peer in net.peers:
        floor = 8 if peer.copies >= 4 else 4
        assert len(graph[peer.index]) >= floor
        assert len(graph[peer.index]) <= 28
    found = list(stretches(net, 20))
    assert share(found, 0.5) <= 1.4
    assert share(found, 0.95) <= 3.0


def test_a_settled_mesh_is_short_between_capable_nodes(settled: Net) -> None:
    found = list(stretches(settled, 40))
    assert share(found, 0.5) <= 1.25
    assert share(found, 0.95) <= 2.3
    assert share(found, 0.99) <= 3.5


def test_links_go_to_capable_nodes(settled: Net) -> None:
    graph = settled.graph()
    strong = {peer.index for peer in capable(settled)}
    for index, others in graph.items():
        assert sum(other in strong for other in others) >= min(len(others), 5)
        if index not in strong:
            assert len(others) <= 12
    thin = [len(graph[i]) for i in graph if i not in strong]
    wide = [len(graph[i]) for i in graph if i in strong]
    assert sum(thin) / len(thin) < 8.0
    assert sum(wide) / len(wide) > 14.0


def test_both_ends_agree_on_every_link(settled: Net) -> None:
    graph = settled.graph()
    for index, others in graph.items():
        assert all(index in graph[other] for other in others)


def test_a_settled_mesh_is_quiet(settled: Net) -> None:
    before = [(p.wakes, p.probes, p.sends) for p in settled.peers]
    start = settled.now
    settled.run(start + 100.0)
    for peer, (wakes, probes, _) in zip(settled.peers, before, strict=False):
        assert peer.wakes - wakes <= 35
        assert peer.probes - probes <= 20
    sent = sum(p.sends for p in settled.peers) - sum(b[2] for b in before)
    assert sent / len(before) / 100.0 < 1.0


def test_a_newcomer_finds_its_neighbours_with_32_probes_in_a_second_and_a_half() -> (
    None
):
    net = cold(120, 3, extra=12)
    net.run(60.0)
    old, excess = list(net.peers), []
    for copies in (8, 1, 4) * 4:
        peer = net.add(copies)
        net.start(peer, net.random.sample(old, 3))
        while peer.linked_at is None:
            net.run(net.now + 0.02)
        net.run(peer.linked_at + 1.5)
        excess.append(net.excess_s(peer, old))
        net.run(peer.linked_at + 4.0)
        ended = [event for event in peer.events if isinstance(event, SearchEnded)]
        assert ended[0].probes <= 32
        assert len(net.graph()[peer.index]) >= 4
    assert share(excess, 0.9) <= 0.035


def test_500_sybils_of_one_network_do_not_surround_a_node() -> None:
    honest, sybils = 40, 500
    copies = classes(honest, 4)
    net = Net(plane(honest + sybils, 4)[0], 4)
    peers = [net.add(each) for each in copies]
    for peer in peers:
        net.start(peer, net.random.sample([p for p in peers if p is not peer], 3))
    net.run(20.0)
    victim = capable(net)[0]
    crowd = [
        net.add(16, MediaAddress(bytes([99, 9, 9, i & 255]), 5000 + i))
        for i in range(sybils)
    ]
    for sybil in crowd:
        net.later(net.random.random() * 5, net.start, sybil, [victim])
    net.run(40.0)
    names = {sybil.index for sybil in crowd}
    for peer in peers:
        links = net.graph()[peer.index]
        assert sum(other in names for other in links) <= 2
        known = [net.index[m.node] for m in peer.overlay.members()]
        assert sum(other in names for other in known) <= 4
        assert len([other for other in links if other not in names]) >= 4
    assert components({p.index: net.graph()[p.index] for p in net.peers}) >= 1


def test_an_operator_family_gets_three_links() -> None:
    net = Net(plane(60, 5)[0], 5)
    peers = [net.add(8) for _ in range(30)]
    family = [net.add(16, address(500 + i), operator="one") for i in range(30)]
    everyone = peers + family
    for peer in everyone:
        net.start(peer, net.random.sample([p for p in everyone if p is not peer], 3))
    net.run(30.0)
    names = {member.index for member in family}
    graph = net.graph()
    assert all(sum(o in names for o in graph[p.index]) <= 3 for p in peers)


def test_a_partition_heals_by_itself() -> None:
    net = cold(60, 6)
    net.run(30.0)
    net.cut({peer.index: peer.index % 2 for peer in net.peers})
    net.run(60.0)
    assert components(net.graph()) == 2
    assert all(len(others) >= 3 for others in net.graph().values())
    net.run(400.0)
    net.side = {}
    net.run(480.0)
    assert components(net.graph()) == 1
    found = [e for p in net.peers for e in p.events if isinstance(e, LostPeerFound)]
    assert found


def test_a_node_cut_off_from_everybody_comes_back() -> None:
    net = cold(40, 7)
    net.run(30.0)
    net.cut({3: 1})
    net.run(300.0)
    assert net.graph()[3] == []
    net.side = {}
    net.run(400.0)
    assert len(net.graph()[3]) >= 4


def test_a_fifth_of_the_nodes_dies_and_the_others_stay_one_mesh() -> None:
    net = cold(80, 8)
    net.run(30.0)
    for peer in net.peers[::5]:
        net.crash(peer)
    net.run(60.0)
    graph = net.graph()
    assert components(graph) == 1
    for peer in net.peers:
        if peer.alive:
            assert len(graph[peer.index]) >= (8 if peer.copies >= 4 else 4)
            dead = [o for o in graph[peer.index] if not net.peers[o].alive]
            assert not dead


def test_no_link_that_carries_a_tree_is_ever_traded() -> None:
    net = cold(60, 9)
    net.run(4.0)
    protected = []
    for peer in net.peers:
        for other in list(peer.links)[::2]:
            if peer.index not in net.peers[other].links:
                continue  # its goodbye is on the way
            peer.trees.add(other)
            net.peers[other].trees.add(peer.index)
            protected.append((peer.index, other))
    net.run(120.0)
    traded = [e for p in net.peers for e in p.events if isinstance(e, LinkTraded)]
    assert traded
    for index, other in protected:
        assert other in net.peers[index].links


def test_an_idle_tree_link_is_closed_on_both_ends() -> None:
    net = cold(40, 10)
    net.run(30.0)
    one = capable(net)[0]
    other = next(p for p in net.peers if p is not one and p.index not in one.links)
    net.link(one, other, Purpose.TREE)
    one.trees.add(other.index)
    other.trees.add(one.index)
    net.run(120.0)
    assert other.index in one.links
    one.trees.clear()
    other.trees.clear()
    net.run(200.0)
    assert other.index not in one.links
    assert one.index not in other.links


def test_all_who_come_by_one_door_get_in() -> None:
    net = Net(plane(121, 11)[0], 11)
    door = net.add(16)
    peers = [net.add(each) for each in classes(120, 11)]
    net.start(door, [])
    for peer in peers:
        net.later(net.random.random(), net.start, peer, [door])
    net.run(60.0)
    graph = net.graph()
    assert components(graph) == 1
    assert len(graph[door.index]) <= 28


def test_the_same_seed_gives_the_same_mesh() -> None:
    nets = [cold(40, 12), cold(40, 12)]
    for net in nets:
        net.run(20.0)
    assert nets[0].graph() == nets[1].graph()
    assert [p.sends for p in nets[0].peers] == [p.sends for p in nets[1].peers]
