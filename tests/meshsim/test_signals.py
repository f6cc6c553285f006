"""Heartbeats and keep-alives: what they tell, sampled and sent, and what they cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshsim.network import OVERHEAD, Kind
from meshsim.signals import HEARTBEAT_S, SIGNAL_OCTETS
from support.run import Small


def test_keep_alives_and_heartbeats_are_as_old_as_the_path_is_long() -> None:
    small = Small()
    signals, mesh = small.mesh.signals, small.mesh
    stream = next(iter(mesh.clocks))
    origin = mesh.hosts[0].id
    assert signals.heard_s(3, origin) == 0.0
    newest = signals.newest_at(3, origin, stream)
    assert newest is not None
    assert small.newest(0) - 1 <= newest <= small.newest(0)
    small.stage.freeze(0, small.now)
    small.wait(1.0)
    one_way = mesh.network.paths.one_way(0, 3)
    assert signals.heard_s(3, origin) == pytest.approx(1.0 - one_way)
    assert signals.newest_at(3, origin, stream) is None
    small.stage.thaw(0, small.now)
    mesh.network.override(0, 3, replace(mesh.network.conditions, down=True))
    assert signals.heard_s(3, origin) is None
    assert signals.newest_at(3, origin, stream) is None
    assert signals.newest_at(3, mesh.hosts[4].id, b"nothing") is None  # type: ignore[arg-type]


def standby(small: Small) -> tuple[int, int]:
    """A node and its second parent."""
    stream = small.stream()
    return next(
        (host.index, small.mesh.index[state.second])
        for host in small.mesh.hosts
        if (state := host.plane.streams.get(stream)) and state.second is not None  # type: ignore[call-overload]
    )


def test_heartbeats_that_are_sent_tell_what_sampled_ones_would() -> None:
    small = Small(elide=False)
    node, second = standby(small)
    stream, mesh = small.stream(), small.mesh
    told = mesh.signals.newest_at(node, mesh.hosts[second].id, stream)  # type: ignore[arg-type]
    assert told is not None
    assert small.newest(0) - 10 <= told <= small.newest(0)
    assert mesh.signals.newest_at(second, mesh.hosts[node].id, stream) is None  # type: ignore[arg-type]


def test_keep_alives_that_are_sent_stop_with_the_process() -> None:
    small = Small(elide=False)
    mesh = small.mesh
    relay = small.relay()
    child = next(n for n in range(8) if mesh.parent(n) == relay)
    small.stage.freeze(0, small.now)
    small.wait(0.2)
    heard = mesh.signals.heard_s(child, mesh.hosts[relay].id)
    assert heard is not None
    assert heard < 0.06
    small.stage.stop(relay, small.now, goodbye=False)
    small.wait(0.3)
    heard = mesh.signals.heard_s(child, mesh.hosts[relay].id)
    assert heard is None or heard > 0.2


def test_sampled_heartbeats_are_counted() -> None:
    small = Small()
    host = small.mesh.hosts[standby(small)[1]]
    legs = host.plane.streams[small.stream()].legs.values()  # type: ignore[index]
    standbys = sum(leg.standby for leg in legs)
    media = small.mesh.network.octets[Kind.MEDIA]
    before = media[host.index]
    small.mesh.signals.count(host, 2.0)
    each = SIGNAL_OCTETS + OVERHEAD[Kind.MEDIA]
    assert media[host.index] - before == round(2.0 / HEARTBEAT_S) * standbys * each
    assert standbys
