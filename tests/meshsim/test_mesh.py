"""Who the machines are, and how they hang together."""

from __future__ import annotations

from dataclasses import replace

from meshsim.mesh import EPOCH_MS, node_id
from support.run import Small


def test_identities_are_as_long_as_real_ones_and_different() -> None:
    names = [node_id(index) for index in range(1000)]
    assert len(set(names)) == 1000
    assert {len(name) for name in names} == {38}


def test_signatures_are_of_one_node_and_one_text() -> None:
    mesh = Small(until_s=0.0).mesh
    signature = mesh.sign(node_id(1), b"text")
    assert len(signature) == 64
    assert mesh.verify(node_id(1), b"text", signature)
    assert not mesh.verify(node_id(2), b"text", signature)
    assert not mesh.verify(node_id(1), b"Text", signature)


def test_wall_clocks_jump_one_by_one() -> None:
    small = Small()
    small.stage.jump_clock(2, -30.0, small.now)
    assert small.mesh.wall_ms(2, 40.0) == EPOCH_MS + 10_000
    assert small.mesh.wall_ms(3, 40.0) == EPOCH_MS + 40_000


def test_everybody_hangs_below_the_origin() -> None:
    small = Small()
    mesh, stream = small.mesh, next(iter(small.mesh.clocks))
    for node in range(1, 8):
        assert mesh.ancestors(node, stream)[-1] == 0
    assert mesh.parent(0) is None
    assert mesh.origins() == [0]
    assert mesh.alive() == list(range(8))
    assert all(below > 0 for _, below in mesh.relays())
    assert small.orphans() == []


def test_the_connected_are_those_whom_paths_and_machines_join() -> None:
    small = Small()
    mesh = small.mesh
    assert mesh.connected(0) == frozenset(range(8))
    small.stage.stop(5, small.now, goodbye=False)
    assert mesh.connected(0) == frozenset(range(8)) - {5}
    bad = replace(mesh.network.conditions, down=True)
    for other in range(7):
        mesh.network.override(7, other, bad)
    assert mesh.connected(0) == frozenset(range(7)) - {5}
    mesh.network.override(7, 3, None)
    assert mesh.connected(0) == frozenset(range(8)) - {5}


def test_a_disturbance_quickens_the_clocks_for_a_while() -> None:
    small = Small(until_s=20.0)
    stream = next(iter(small.mesh.clocks))
    assert small.mesh.flow.interval_s(stream) == 0.1
    small.mesh.alert()
    assert small.mesh.flow.interval_s(stream) == 0.05
    small.wait(3.1)
    assert small.mesh.flow.interval_s(stream) == 0.1
    assert small.mesh.disturbed_at == 20.0


def test_octets_of_records_are_added_up_by_package() -> None:
    small = Small()
    shares = small.mesh.control_shares()
    one = small.mesh.hosts[1].sent_octets()
    assert shares["distribution"] > one["distribution"] > 0
