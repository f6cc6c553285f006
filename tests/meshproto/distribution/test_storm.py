"""Trees of many nodes in a network that misbehaves.

Mutations that make a test here fail: `commit.begin` that does not ask (crossing moves),
relays that renew leases (zombie ring), a plane that counts any packet
as new (echo).  The path refusal is held by `test_downstream` and `test_hearing`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
)
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.events import Joined, Repaired
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.ids import NodeId, short_id
from meshproto.outputs import Send
from meshproto.wire.control import distribution as w
from support.tree_net import RATE_BPS, STREAM, Host, Net

HOSTS = 9


def grown(
    slots: list[float], degree: int = 6, seed: int = 1, spread_s: float = 3.0
) -> tuple[Net, Host, list[Host]]:
    """An origin and hosts that all subscribe within `spread_s`."""
    net = Net(seed)
    chance = random.Random(seed)
    origin = net.add(8)
    hosts = [net.add(count) for count in slots]
    net.mesh(degree)
    publish(net, origin)
    for host in hosts:
        net.later(chance.uniform(0, spread_s), subscribe, net, host, origin)
    return net, origin, hosts


def publish(net: Net, origin: Host) -> None:
    origin.brain.publish(STREAM, (RATE_BPS,), net.now)
    net.drain(origin)
    net.publish_packets(origin)


def subscribe(net: Net, host: Host, origin: Host) -> None:
    if host.alive:
        host.brain.subscribe(STREAM, origin.id, 1, 1, net.now)
        net.drain(host)


def unsubscribe(net: Net, host: Host) -> None:
    if host.alive:
        host.brain.unsubscribe(STREAM, net.now)
        net.drain(host)


def mix(count: int, seed: int) -> list[float]:
    """60 % thin, 30 % middle, 10 % strong."""
    chance = random.Random(seed)
    kinds: list[list[float]] = [[0, 1, 2]] * 6 + [[4, 5, 6, 8]] * 3 + [[16]]
    return [chance.choice(chance.choice(kinds)) for _ in range(count)]


def test_everybody_is_served_and_each_packet_comes_once() -> None:
    net, _, hosts = grown(mix(40, 3))
    net.run(12)
    assert len(net.served()) == len(hosts) + 1
    assert not net.violations
    assert net.cycles == 0
    took = sorted(event.took_s for _, _, event in net.happened(Joined))  # type: ignore[attr-defined]
    assert took[len(took) // 2] < 0.1


def test_joins_cost_about_two_messages() -> None:
    net, _, hosts = grown(mix(60, 4), degree=10)
    net.run(10, checks=False)
    joins = net.records["Redirect"] + net.records["Refuse"] + len(hosts)
    assert joins <= 1.3 * len(hosts)


def test_slots_that_just_suffice_serve_everyone() -> None:
    slots: list[float] = [0.0] * 60
    chance = random.Random(2)
    strong = chance.sample(range(60), 24)
    for turn in range(round(1.06 * 60) - 8):
        slots[strong[turn % 24]] += 1
    net, _, hosts = grown(slots, degree=8, seed=2)
    net.run(25, checks=False)
    assert len(net.served()) == len(hosts) + 1
    for host in net.hosts.values():
        limit = round(host.up_bps * net.config.uplink_share / RATE_BPS)
        assert len(host.brain.children(STREAM)) <= max(limit, 8)


def test_a_flash_crowd_is_served_with_bounded_messages() -> None:
    net, _, hosts = grown(mix(100, 5), degree=10, seed=5, spread_s=0.1)
    net.run(6, checks=False)
    assert len(net.served()) == len(hosts) + 1
    asked = net.records["Join"]
    assert asked <= 4 * len(hosts), net.records


def test_a_settled_tree_says_little() -> None:
    net, _, hosts = grown(mix(30, 6), seed=6)
    net.run(200, checks=False)
    before, woken = sum(net.records.values()), sum(h.wakes for h in hosts)
    net.run_for(60, checks=False)
    said = sum(net.records.values()) - before
    assert said / len(hosts) / 60 < 1.0
    assert (sum(h.wakes for h in hosts) - woken) / len(hosts) < 25


def test_a_relay_that_dies_costs_its_subtree_a_blink() -> None:
    net, _, hosts = grown(mix(50, 7), degree=8, seed=7)
    net.run(30, checks=False)
    dead = max(hosts, key=lambda host: len(host.brain.children(STREAM)))
    net.kill(dead.id)
    net.run_for(6)
    alive = [host for host in hosts if host.alive]
    assert len(net.served()) == len(alive) + 1
    assert not net.violations
    gaps = [event.gap_s for at, _, event in net.happened(Repaired) if at > 30]  # type: ignore[attr-defined]
    assert gaps
    assert max(gaps) < 1.0
    for host in alive:
        times = [at for at, _ in host.streams[STREAM].got if at > 29]
        steps = [b - a for a, b in itertools.pairwise(times)]
        assert max(steps) < 0.8


def test_a_fifth_that_dies_is_healed_within_two_seconds() -> None:
    net, _, hosts = grown(mix(60, 8), degree=10, seed=8)
    net.run(30, checks=False)
    for host in random.Random(8).sample(hosts, 12):
        net.kill(host.id)
    net.run_for(2.2)
    alive = [host for host in hosts if host.alive]
    assert len(net.served()) >= 0.98 * (len(alive) + 1)
    assert not net.violations


def test_a_silent_publisher_is_no_storm() -> None:
    net, origin, hosts = grown(mix(30, 9), seed=9)
    net.run(20, checks=False)
    parents = [host.brain.parent(STREAM) for host in hosts]
    before = net.records["Join"]
    origin.publisher_quiet = True
    net.run_for(8)
    assert net.records["Join"] - before <= 3
    assert [host.brain.parent(STREAM) for host in hosts] == parents
    origin.publisher_quiet = False
    net.run_for(1)
    assert len(net.served()) == len(hosts) + 1


def test_moves_lose_and_repeat_nothing() -> None:
    net, origin, hosts = grown([8] * 12, degree=5, seed=10)
    net.run(40, checks=False)
    for host in hosts:
        parent = host.brain.parent(STREAM)
        if parent is not None and parent != origin.id:
            net.extra[frozenset((host.id, parent))] = 0.15
    net.run_for(150)
    assert not net.violations
    assert net.cycles == 0
    for host in hosts:
        sequences = sorted(seq for at, seq in host.streams[STREAM].got if at > 5)
        wanted = list(range(sequences[0], sequences[-1] + 1))
        assert len(set(wanted) - set(sequences)) == 0


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
    monkeypatch.setattr(moves, "_begin_turn", nothing)
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


# --- any interleaving

hosts_ = st.integers(0, HOSTS - 1)
deeds = st.one_of(
    st.tuples(st.just("join"), hosts_, hosts_),
    st.tuples(st.just("leave"), hosts_, hosts_),
    st.tuples(st.just("sever"), hosts_, hosts_),
    st.tuples(st.just("unlink"), hosts_, hosts_),
    st.tuples(st.just("heal"), hosts_, hosts_),
    st.tuples(st.just("slow"), hosts_, hosts_),
    st.tuples(st.just("move"), hosts_, hosts_),
    st.tuples(st.just("kill"), hosts_, hosts_),
    st.tuples(st.just("shrink"), hosts_, hosts_),
    st.tuples(st.just("go"), hosts_, hosts_),
)


def perform(net: Net, origin: Host, deed: tuple[str, int, int]) -> None:
    hosts = list(net.hosts.values())
    name, one, other = deed[0], hosts[deed[1]], hosts[deed[2]]
    if name == "join" and one is not origin:
        subscribe(net, one, origin)
    elif name == "leave":
        unsubscribe(net, one)
    elif name == "kill" and one is not origin and deed[1] % 3 == 0:
        net.kill(one.id)
    elif name == "go" and one is not origin and one.alive and deed[1] % 3 == 1:
        net.input(one, one.brain.leaving)
    elif name == "shrink" and one.alive:
        one.up_bps = RATE_BPS * (1 + deed[2]) / net.config.uplink_share
        net.input(one, one.brain.uplink_changed)
    if one is other or not (one.alive and other.alive):
        return
    pair = frozenset((one.id, other.id))
    if name == "sever" and other.id in one.links:
        net.sever(one.id, other.id)
    elif name == "unlink" and other.id in one.links:
        net.unlink(one.id, other.id)
    elif name == "heal":
        net.heal(one.id, other.id)
    elif name == "slow":
        net.extra[pair] = 0.05 * (deed[1] + 1)
    elif name == "move" and other.id in one.links:
        tree = one.brain._shared.trees.get(STREAM)
        if tree is not None and tree.parent is not None and tree.live:
            found = [Candidate(other.id)]
            moves.begin(one.brain._shared, tree, found, 0.0, "released", net.now)
            net.drain(one)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0.0, 0.05]),
    st.lists(st.tuples(deeds, st.sampled_from([0.0, 0.02, 0.2, 1.0])), max_size=40),
)
def test_any_interleaving_ends_well(
    seed: int,
    path_delay_s: float,
    loss: float,
    story: list[tuple[tuple[str, int, int], float]],
) -> None:
    net = Net(seed, loss=loss)
    net.path_delay_s = path_delay_s
    chance = random.Random(seed)
    origin, *hosts = (net.add(chance.choice([0, 2, 3, 4, 8])) for _ in range(HOSTS))
    origin.up_bps = 4.1 * RATE_BPS / net.config.uplink_share
    origin.relays = True
    net.mesh(5)
    for host in hosts:
        net.link(host.id, origin.id)
    publish(net, origin)
    for host in hosts[::2]:
        subscribe(net, host, origin)
    for deed, pause_s in story:
        perform(net, origin, deed)
        net.run_for(pause_s)
    for host in hosts:
        for other in [origin, *hosts]:
            if other is not host and host.alive and other.alive:
                net.severed.pop(frozenset((host.id, other.id)), None)
                net.link(host.id, other.id)
        host.up_bps = 4.1 * RATE_BPS / net.config.uplink_share
        if host.alive:
            net.input(host, host.brain.uplink_changed)
    origin.up_bps = 4.1 * RATE_BPS / net.config.uplink_share
    net.input(origin, origin.brain.uplink_changed)
    net.run_for(25.0)
    assert not net.violations
    served = net.served()
    for host in hosts:
        tree = host.brain._shared.trees.get(STREAM)
        if host.alive and tree is not None and tree.subscribed:
            assert host in served, host.brain.dump()
