"""Isolation redials with growing pauses; lost peers are probed for ever."""

from __future__ import annotations

from itertools import pairwise

from meshproto.outputs import Dial, Probe, Purpose
from meshproto.overlay.events import IsolationSuspected, LostPeerFound
from meshproto.overlay.state import Task
from meshproto.wire.control.overlay import PeerUpdate
from meshproto.wire.control.peer import MediaAddress
from support.overlay_parts import Lone, node, outputs, record


def linked(lone: Lone, *indices: int, now: float = 0.0) -> None:
    for index in indices:
        lone.overlay.link_ready(node(index), False, Purpose.OVERLAY, now)
        lone.overlay.receive(node(index), PeerUpdate(record(index)), now)
    outputs(lone.box)


def test_bootstrap_peers_are_probed_and_dialled() -> None:
    lone = Lone()
    lone.overlay.start([record(index) for index in range(1, 6)], 0.0)
    found = outputs(lone.box)
    assert len([o for o in found if isinstance(o, Dial)]) == 3
    assert len([o for o in found if isinstance(o, Probe)]) == 3
    assert lone.overlay.peer(node(5)) == record(5)


def test_an_unsigned_address_is_dialled_but_not_passed_on() -> None:
    lone = Lone()
    lone.overlay.start([record(1, signed=False)], 0.0)
    (dial,) = lone.taken(Dial)
    assert dial.peer.node == node(1)
    assert lone.overlay.members() == ()


def test_oneself_is_no_bootstrap_peer_and_sixteen_are_kept() -> None:
    lone = Lone()
    lone.overlay.start([record(index) for index in range(30)], 0.0)
    kept = lone.overlay._healing._bootstrap
    assert len(kept) == 16
    assert node(0) not in kept


def test_pauses_double_until_a_minute_while_nobody_answers() -> None:
    lone = Lone()
    lone.overlay.start([record(1)], 0.0)
    times = []
    while len(times) < 9:
        at = lone.overlay.next_timeout()
        assert at is not None
        lone.overlay.handle_timeout(at)
        for output in outputs(lone.box):
            if isinstance(output, Dial):
                times.append(at)
                lone.overlay.dial_failed(output.peer.node, "timeout", at)
            elif isinstance(output, Probe):
                lone.overlay.probed(output.token, None, at)
        lone.overlay.dial_failed(node(1), "timeout", at)
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses[0] < 7.0
    assert all(pause <= 90.0 for pause in pauses)
    assert max(pauses) > 30.0


def test_suspicion_is_told_and_ends_with_two_links() -> None:
    lone = Lone()
    lone.overlay.start([record(1), record(2)], 0.0)
    for index in (1, 2):
        lone.overlay.dial_failed(node(index), "timeout", 0.1)
    outputs(lone.box)
    lone.overlay.handle_timeout(3.1)
    assert IsolationSuspected(0) in outputs(lone.box)
    linked(lone, 1, 2, now=4.0)
    assert Task.REDIAL not in lone.state.timers


def test_a_mesh_of_two_is_not_isolation() -> None:
    lone = Lone()
    lone.overlay.start([record(1)], 0.0)
    linked(lone, 1)
    for _ in range(200):
        at = lone.overlay.next_timeout()
        assert at is not None
        lone.overlay.handle_timeout(at)
        assert not [o for o in outputs(lone.box) if isinstance(o, IsolationSuspected)]


def test_a_peer_lost_without_goodbye_is_missed_and_one_that_said_it_is_not() -> None:
    lone = Lone()
    lone.overlay.start([], 0.0)
    linked(lone, 1, 2)
    lone.overlay.link_lost(node(1), 1.0)
    lone.overlay.link_lost(node(2), 1.0, goodbye=True)
    assert lone.overlay._healing.lost_peers == (node(1),)
    assert lone.overlay.peer(node(1)) is not None


def test_a_lost_peer_is_probed_now_and_then_and_dialled_when_it_answers() -> None:
    lone = Lone()
    lone.overlay.start([], 0.0)
    linked(lone, 1, *range(3, 16))
    lone.overlay.link_lost(node(1), 1.0)
    at = lone.state.timers.at(Task.HEAL)
    assert at is not None
    outputs(lone.box)
    lone.overlay._healing.heal(at)
    (probe,) = lone.taken(Probe)
    lone.overlay.probed(probe.token, None, at + 1)
    lone.overlay._healing.heal(at + 30)
    (probe,) = lone.taken(Probe)
    lone.overlay.probed(probe.token, 0.05, at + 31)
    found = outputs(lone.box)
    assert LostPeerFound(node(1)) in found
    assert [o.peer.node for o in found if isinstance(o, Dial)] == [node(1)]
    linked(lone, 1, now=at + 32)
    assert lone.overlay._healing.lost_peers == ()


def test_lost_peers_are_bounded() -> None:
    lone = Lone(links_per_prefix=99)
    lone.overlay.start([], 0.0)
    for index in range(1, 60):
        linked(lone, index)
        lone.overlay.link_lost(node(index), 0.0)
    assert len(lone.overlay._healing.lost_peers) == 16


def test_bootstrap_addresses_in_one_network_all_count() -> None:
    lone = Lone()
    crowd = [
        record(index, media=MediaAddress(bytes([20, 9, 9, index]), 1))
        for index in range(1, 8)
    ]
    lone.overlay.start(crowd, 0.0)
    assert len(lone.overlay._healing._bootstrap) == 7
    assert len(lone.overlay.members()) == 4
