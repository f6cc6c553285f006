"""Crossing moves, zombie rings, echoes - each also with its guard taken away.

`commit.begin` that does not ask, relays that renew leases, and a plane that counts any
packet as new make a cycle here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from meshproto.config.distribution import DistributionConfig
from meshproto.distribution import (
    above,
    commit,
    downstream,
    hearing,
    interest,
    moves,
    place,
    repair,
    turns,
)
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.ids import NodeId, short_id
from meshproto.outputs import Send
from meshproto.wire.control import distribution as w
from support.tree_acts import publish, subscribe, unsubscribe
from support.tree_net import RATE_BPS, STREAM, Host, Net

# --- crossing moves


def crossing() -> tuple[Net, Host, Host]:
    """o -> a -> b and o -> c -> d; a wants below d, c wants below b, at once."""
    net = Net(11)
    o, a, b, c, d = (net.add(4) for _ in range(5))
    for one, other in ((o, a), (a, b), (o, c), (c, d), (a, d), (c, b)):
        net.link(one.id, other.id)
    publish(net, o)
    for host, parent in ((a, o), (c, o), (b, a), (d, c)):
        found = [Candidate(parent.id)]
        subscribe(net, host, o)
        search = host.brain._shared.trees[STREAM].search
        if search is not None:
            search.left.extendleft(found)
        net.run_for(1.0)
        force(net, host, parent)
    assert (b.brain.parent(STREAM), d.brain.parent(STREAM)) == (a.id, c.id)
    return net, a, c


def force(net: Net, host: Host, parent: Host) -> None:
    """Move a host below `parent`, whatever it is worth."""
    shared = host.brain._shared
    tree = shared.trees[STREAM]
    if host.brain.parent(STREAM) != parent.id:
        moves.begin(shared, tree, [Candidate(parent.id)], 0.0, "released", net.now)
        net.drain(host)
        net.run_for(3.0)


def cross(net: Net, a: Host, c: Host) -> None:
    """Both move at once, and each hears something new from the other's subtree."""
    o = next(iter(net.hosts))

    def drop(source: NodeId, target: NodeId, sequence: int) -> bool:
        return source == o and target == (a.id, c.id)[sequence % 2]

    net.drop = drop
    below_a = net.hosts[a.brain.children(STREAM)[0]]
    below_c = net.hosts[c.brain.children(STREAM)[0]]
    for host, target in ((a, below_c), (c, below_a)):
        shared = host.brain._shared
        tree = shared.trees[STREAM]
        tree.moved_at = -100.0
        moves.begin(shared, tree, [Candidate(target.id)], 0.0, "released", net.now)
        net.drain(host)


def test_of_two_crossing_moves_at_most_one_is_made() -> None:
    net, a, c = crossing()
    net.path_delay_s = 0.3
    cross(net, a, c)
    net.run_for(2.0)
    assert net.cycles == 0
    net.drop = None
    net.run_for(4.0)
    assert net.cycles == 0
    assert len(net.served()) == 5
    assert net.records["MoveCommit"] >= 2


def test_without_the_commit_crossing_moves_make_a_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, a, c = crossing()
    net.path_delay_s = 0.3
    monkeypatch.setattr(
        commit, "begin", lambda shared, tree, move, now: moves.done(shared, tree, now)
    )
    cross(net, a, c)
    net.run_for(4.0)
    assert net.cycles > 0


# --- zombies and echoes


def ring(monkeypatch: pytest.MonkeyPatch) -> tuple[Net, list[Host], Host]:
    """Relays in a ring with one viewer below, every other guard switched off."""
    config = replace(DistributionConfig(), packet_life_s=1e6, hold_s=1e6)
    net = Net(12, config)
    origin, *relays = (net.add(8) for _ in range(4))
    leaf = net.add(0)
    for one, other in zip([origin, *relays], [*relays, leaf], strict=True):
        net.link(one.id, other.id)
    net.link(relays[0].id, relays[-1].id)
    publish(net, origin)
    subscribe(net, leaf, origin)
    net.run(3.0)
    nothing: Callable[..., None] = lambda *_: None  # noqa: E731
    monkeypatch.setattr(downstream, "cut_loops", nothing)
    monkeypatch.setattr(repair, "silent", nothing)
    monkeypatch.setattr(place, "settle", lambda *_: False)
    monkeypatch.setattr(hearing, "_placed", nothing)
    monkeypatch.setattr(turns, "_begin_turn", nothing)
    first, last = relays[0], net.hosts[leaf.brain.parent(STREAM)]  # type: ignore[index]
    edge = above.upper(last.id, w.Use.REPAIR, accept_of(last))
    shared = first.brain._shared
    tree = last.brain._shared.trees[STREAM]
    said = interest.demand(shared, shared.trees[STREAM], net.now)
    wish = w.Join(STREAM, edge.serial, origin.id, w.Use.REPAIR, said)
    downstream.accept(last.brain._shared, tree, first.id, wish, net.now)
    above.attach(shared, shared.trees[STREAM], edge, "forged", net.now)
    swallow(last, w.Accept)
    net.drain(last)
    net.drain(first)
    return net, relays, leaf


def swallow(host: Host, kind: type) -> None:
    """Take records of a kind out of the host's outbox."""
    outputs = []
    while (output := host.outbox.poll()) is not None:
        if not (isinstance(output, Send) and isinstance(output.record, kind)):
            outputs.append(output)
    for output in outputs:
        host.outbox.put(output)


def accept_of(host: Host) -> w.Accept:
    line = (short_id(host.id),)
    return w.Accept(STREAM, 77, 1, 0, 0.0, line, (0.0,), (RATE_BPS,))


def test_a_ring_that_only_keeps_itself_alive_dissolves_in_twelve_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, relays, leaf = ring(monkeypatch)
    net.run_for(20.0, checks=False)
    # with a viewer below the leases are young
    assert net.find_cycle() is not None
    unsubscribe(net, leaf)
    net.run_for(12.0, checks=False)
    assert net.find_cycle() is None
    assert not any(list(relay.brain.streams()) for relay in relays)


def test_a_relay_that_renews_leases_keeps_the_ring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, _, leaf = ring(monkeypatch)

    def renew(shared: Shared, tree: Tree, now: float) -> None:
        interest.report(shared, tree, now)
        shared.set(tree, Alarm.LEASE, now + 4.0)

    monkeypatch.setattr(interest, "youngest", lambda _, now: now)
    monkeypatch.setattr(hearing, "lease_check", renew)
    unsubscribe(net, leaf)
    net.run_for(30.0, checks=False)
    assert net.find_cycle() is not None


def promised(net: Net) -> tuple[Host, Host, Host, Host]:
    """Two relays with a leaf each, and each stands by for the other."""
    origin, one, other = (net.add(8, (0.01 * n, 0.0)) for n in range(3))
    above = [net.add(8, (0.01 * n, 0.01)) for n in (1, 2)]
    leaves = [net.add(0, (0.01 * n, 0.02)) for n in (1, 2)]
    for relay, upper, leaf in zip((one, other), above, leaves, strict=True):
        net.link(origin.id, upper.id)
        net.link(upper.id, relay.id)
        net.link(relay.id, leaf.id)
    net.link(one.id, other.id)
    # why: else those above the parents stood by, and the relays stepped aside
    for relay, upper, leaf in zip((one, other), above, leaves, strict=True):
        net.sever(origin.id, relay.id)
        net.sever(upper.id, leaf.id)
    publish(net, origin)
    for leaf in leaves:
        subscribe(net, leaf, origin)
        net.run_for(3.0)
    assert one.brain.standby(STREAM) == other.id
    assert other.brain.standby(STREAM) == one.id
    return one, other, leaves[0], leaves[1]


def test_two_that_stand_by_for_each_other_let_go_at_once() -> None:
    net = Net(14)
    one, other, *leaves = promised(net)
    for leaf in leaves:
        unsubscribe(net, leaf)
    net.run_for(5.0)
    assert not list(one.brain.streams())
    assert not list(other.brain.streams())


def test_they_let_go_by_their_leases_if_they_do_not_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net(14)
    one, other, *leaves = promised(net)
    monkeypatch.setattr(downstream, "reckon", lambda *_: None)
    monkeypatch.setattr(Tree, "left_over", False)
    for leaf in leaves:
        unsubscribe(net, leaf)
    net.run_for(5.0)
    assert list(one.brain.streams())
    net.run_for(9.0)
    assert not list(one.brain.streams())
    assert not list(other.brain.streams())


def test_with_all_these_rules_away_they_keep_each_other_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net(14)
    one, other, *leaves = promised(net)
    monkeypatch.setattr(downstream, "reckon", lambda *_: None)
    monkeypatch.setattr(Tree, "left_over", False)

    def renew(shared: Shared, tree: Tree, now: float) -> None:
        interest.report(shared, tree, now)
        shared.set(tree, Alarm.LEASE, now + 4.0)

    monkeypatch.setattr(interest, "youngest", lambda _, now: now)
    monkeypatch.setattr(hearing, "lease_check", renew)
    for leaf in leaves:
        unsubscribe(net, leaf)
    net.run_for(60.0)
    assert list(one.brain.streams())
    assert list(other.brain.streams())


def test_a_relay_without_viewers_stands_by_and_takes_over() -> None:
    net = Net(15)
    origin, near, far = (net.add(8, (0.01 * n, 0.0)) for n in range(3))
    leaf = net.add(0, (0.0, 0.02))
    for relay in (near, far):
        net.link(origin.id, relay.id)
        net.link(relay.id, leaf.id)
    net.sever(origin.id, leaf.id)
    publish(net, origin)
    subscribe(net, leaf, origin)
    net.run_for(30.0)
    assert (leaf.brain.parent(STREAM), leaf.brain.standby(STREAM)) == (near.id, far.id)
    assert far.brain.parent(STREAM) == origin.id
    net.kill(near.id)
    net.run_for(0.3)
    assert leaf.brain.parent(STREAM) == far.id
    unsubscribe(net, leaf)
    net.run_for(5.0)
    assert not list(far.brain.streams())


def test_a_relay_steps_aside_where_its_child_can_do_without_it() -> None:
    net = Net(15)
    origin, relay = net.add(2, (0.0, 0.0)), net.add(8, (0.01, 0.0))
    first, leaf = net.add(0, (0.0, 0.01)), net.add(0, (0.0, 0.02))
    for one, other in ((origin, relay), (origin, first), (relay, leaf)):
        net.link(one.id, other.id)
    publish(net, origin)
    for host in (first, leaf):
        subscribe(net, host, origin)
    net.run_for(5.0)
    # all slots are taken, but one of them by the relay
    assert leaf.brain.parent(STREAM) == relay.id
    assert leaf.brain.standby(STREAM) == origin.id
    net.run_for(15.0)
    assert leaf.brain.parent(STREAM) == origin.id
    assert not list(relay.brain.streams())
    assert len(origin.brain.children(STREAM)) == 2
    assert not net.violations


def echoing() -> tuple[Net, Host, Host]:
    """m -> c -> n, and n lies: it says that it hangs directly below the origin."""
    net = Net(13)
    o, m, c, n = (net.add(4) for _ in range(4))
    for one, other in ((o, m), (m, c), (c, n), (n, m)):
        net.link(one.id, other.id)
    publish(net, o)
    for host in (m, c, n):
        subscribe(net, host, o)
        net.run_for(0.5)
    force(net, n, c)
    assert n.brain.parent(STREAM) == c.id
    tree = n.brain._shared.trees[STREAM]
    tree.root = (short_id(o.id), short_id(n.id))
    tree.root_delays = (0.0, 0.0)
    tree.delay_s = 0.0
    honest = n.brain.receive

    def lie(who: bytes, record: object, now: float) -> None:
        if isinstance(record, w.MoveCommit):
            line = (short_id(o.id), short_id(n.id))
            verdict = w.MoveVerdict(STREAM, record.token, record.mover, True, line)
            n.outbox.send(who, verdict)  # type: ignore[arg-type]
        else:
            honest(who, record, now)  # type: ignore[arg-type]

    n.liar = lie  # type: ignore[attr-defined]
    return net, m, n


def deceive(net: Net, m: Host, n: Host) -> None:
    original = net._arrive

    def arrive(source: bytes, target: bytes, record: object) -> None:
        if target == n.id:
            net.input(n, n.liar, source, record)  # type: ignore[attr-defined]
        else:
            original(source, target, record)  # type: ignore[arg-type]

    net._arrive = arrive  # type: ignore[assignment,method-assign]
    shared = m.brain._shared
    tree = shared.trees[STREAM]
    moves.begin(shared, tree, [Candidate(n.id)], 0.0, "released", net.now)
    net.drain(m)


def test_an_echo_of_ones_own_packets_proves_nothing() -> None:
    net, m, n = echoing()
    parent = m.brain.parent(STREAM)
    deceive(net, m, n)
    net.run_for(1.5)
    assert m.brain.parent(STREAM) == parent
    assert net.cycles == 0


def test_a_plane_that_counts_any_packet_is_fooled_by_an_echo() -> None:
    net, m, n = echoing()
    net.blind = True
    deceive(net, m, n)
    net.run_for(1.5)
    assert net.cycles > 0
