"""Packets on their way: paced, counted, repaired, and dropped where nobody is."""

from __future__ import annotations

import pytest

from meshsim.network import OVERHEAD, Kind
from meshsim.scenario import Weather
from support.run import Small


def test_everybody_gets_every_packet_once() -> None:
    small = Small()
    before = [small.newest(node) for node in range(8)]
    small.wait(5.0)
    for node in range(8):
        assert small.newest(node) - before[node] == pytest.approx(50, abs=2)
        counters = small.mesh.hosts[node].plane.counters
        assert counters.duplicates <= 3  # moves carry packets over both edges
    assert max(small.newest(n) for n in range(8)) == small.newest(0)


def test_lost_packets_are_repaired_while_it_matters() -> None:
    lossy = Small(weather=Weather(loss=0.05))
    lossy.wait(10.0)
    seen = lossy.run.end()
    packets = seen.packets
    assert packets.due > 500
    assert packets.delivered / packets.due > 0.999
    assert lossy.mesh.network.dropped["lost"] > 20


def test_octets_do_not_depend_on_the_pace_of_the_clock() -> None:
    small = Small(until_s=20.0)
    media = small.mesh.network.octets[Kind.MEDIA]
    rates = []
    for hurried in (False, True):
        if hurried:
            small.mesh.alert()
        packets, before = small.mesh.network.packets[Kind.MEDIA], sum(media)
        small.wait(2.5)
        sent = small.mesh.network.packets[Kind.MEDIA] - packets
        rates.append((sum(media) - before - sent * OVERHEAD[Kind.MEDIA]) / 2.5)
    assert rates[0] == pytest.approx(rates[1], rel=0.05)
    assert rates[0] * 8 == pytest.approx(7 * 2_500_000, rel=0.05)


def test_a_publisher_that_is_frozen_makes_nothing() -> None:
    small = Small()
    small.stage.freeze(0, small.now)
    sequence = next(iter(small.mesh.clocks.values())).sequence
    small.wait(1.0)
    assert next(iter(small.mesh.clocks.values())).sequence == sequence


def test_an_activate_turns_a_standby_leg_on() -> None:
    small = Small()
    stream = next(iter(small.mesh.clocks))
    child, parent = next(
        (host, small.mesh.index[state.second])
        for host in small.mesh.hosts
        if (state := host.plane.streams.get(stream)) and state.second is not None
    )
    legs = small.mesh.hosts[parent].plane.streams[stream].legs
    assert legs[child.id].standby
    small.mesh.flow.activate(child, small.mesh.hosts[parent].id, stream, 0)
    small.wait(0.1)
    assert not legs[child.id].standby
