"""Octets, packets and cycles: by hand."""

from __future__ import annotations

import pytest

from meshsim.metrics.flows import loop_figures, packet_figures, traffic_figures
from meshsim.observation import Loop, LoopKind, Observation, Packets, TrafficSample
from support.spaces import line, nodes


def seen() -> Observation:
    run = Observation("x", 1, line(4), nodes([4] * 4), simulated_s=100.0)
    run.steady = (10.0, 30.0)
    return run


def sample(time_s: float, **octets: int) -> TrafficSample:
    return TrafficSample(time_s, 4, octets)


def test_control_is_counted_inside_the_window_and_without_media() -> None:
    run = seen()
    run.traffic = [
        sample(0.0, media=0, probe=0),
        sample(10.0, media=10**6, probe=5_000),
        sample(20.0, media=10**7, probe=5_100),
        sample(30.0, media=10**8, probe=5_800, routing=400),
        sample(40.0, media=10**9, probe=10**6),
    ]
    table = traffic_figures(run)
    assert table["control_probe_octets_s"] == pytest.approx(10.0)
    assert table["control_routing_octets_s"] == pytest.approx(5.0)
    assert table["control_octets_s"] == pytest.approx(15.0)
    assert "control_media_octets_s" not in table


def test_without_two_samples_there_is_no_rate() -> None:
    run = seen()
    assert traffic_figures(run) == {}
    run.traffic = [sample(10.0, probe=1)]
    assert traffic_figures(run) == {}


def test_copies_with_control_weigh_octets() -> None:
    run = seen()
    assert packet_figures(run) == {}
    run.traffic = [sample(10.0, probe=0), sample(30.0, probe=2_000)]
    run.packets = Packets(1_000, 990, 2, 1_000, 100_000)
    table = packet_figures(run)
    assert table["delivered_share"] == pytest.approx(0.99)
    assert table["duplicates"] == 2
    assert table["copies_per_delivered"] == pytest.approx(1_000 / 990)
    assert table["copies_with_control"] == pytest.approx(1_000 / 990 + 0.02)


def test_nothing_delivered_is_no_ratio() -> None:
    run = seen()
    run.packets = Packets(due=5)
    assert packet_figures(run)["delivered_share"] == 0.0
    assert packet_figures(run)["copies_per_delivered"] is None


def test_loops_that_overlap_are_one_time_and_endless_ones_end_with_the_run() -> None:
    run = seen()
    assert loop_figures(run) == {"route_loops": 0, "tree_loops": 0, "loop_s": 0.0}
    run.loops = [
        Loop(LoopKind.ROUTE, 10.0, 20.0),
        Loop(LoopKind.TREE, 15.0, 18.0),
        Loop(LoopKind.ROUTE, 95.0, None),
    ]
    table = loop_figures(run)
    assert (table["route_loops"], table["tree_loops"]) == (2, 1)
    assert table["loop_s"] == pytest.approx(15.0)
