"""The network: what arrives, when, in which order, and what it cost."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.engine import Engine
from meshsim.network import CALM, OVERHEAD, Conditions, Kind, Network
from meshsim.partition import cut
from meshsim.paths import Everywhere, Paths, uniform
from meshsim.weather import Loss


class Bench:
    """A network, and what arrived on it as (what, arrival)."""

    def __init__(
        self, conditions: Conditions = CALM, paths: Paths | None = None, seed: int = 1
    ) -> None:
        self.engine = Engine(seed)
        self.network = Network(self.engine, paths or uniform(10, 0.01), conditions)
        self.arrived: list[tuple[Any, float]] = []

    def got(self, what: Any, now: float) -> None:
        assert now == self.engine.now
        self.arrived.append((what, now))

    def send(self, what: Any, src: int = 0, dst: int = 1, octets: int = 100) -> bool:
        return self.network.send(src, dst, octets, Kind.CONTROL, self.got, what)

    def stream(self, what: Any, src: int = 0, dst: int = 1, octets: int = 100) -> bool:
        return self.network.send_ordered(src, dst, octets, Kind.GOSSIP, self.got, what)

    def every(self, interval_s: float, count: int, send: Any = None) -> None:
        for n in range(count):
            self.engine.at(self.engine.now + n * interval_s, send or self.send, n)
        self.engine.run_until(self.engine.now + count * interval_s + 100.0)

    @property
    def what(self) -> list[Any]:
        return [what for what, _ in self.arrived]


def test_a_datagram_arrives_after_the_delay_of_its_direction() -> None:
    bench = Bench(paths=Everywhere(2, lambda src, _: 0.01 if src == 0 else 0.03))
    assert bench.send("there", 0, 1)
    assert bench.send("back", 1, 0)
    bench.engine.run_until(1.0)
    assert bench.arrived == [("there", 0.01), ("back", 0.03)]
    assert bench.network.rtt(0, 1) == 0.04


def test_octets_are_counted_by_kind_and_sender_with_what_lies_below() -> None:
    bench = Bench()
    bench.send("x", 3, 4, octets=100)
    bench.network.send(3, 5, 1000, Kind.MEDIA, bench.got, "y")
    bench.network.count(3, 20, Kind.PROBE, packets=5)
    octets = bench.network.octets
    assert octets[Kind.CONTROL][3] == 100 + OVERHEAD[Kind.CONTROL]
    assert octets[Kind.MEDIA][3] == 1000 + OVERHEAD[Kind.MEDIA]
    assert octets[Kind.PROBE][3] == 5 * (20 + OVERHEAD[Kind.PROBE])
    assert sum(map(sum, octets)) == sum(octets[kind][3] for kind in Kind)
    assert bench.network.packets == [1, 5, 1, 0, 0]


def test_what_is_lost_was_sent_all_the_same() -> None:
    bench = Bench(Conditions(loss=Loss(1.0)))
    assert not bench.send("x")
    assert bench.network.octets[Kind.CONTROL][0] > 0
    assert bench.network.dropped == {"lost": 1}


def test_without_a_path_nothing_arrives() -> None:
    bench = Bench(paths=uniform(2, math.inf))
    assert not bench.send("x")
    assert not bench.stream("y")
    assert bench.network.sample_rtt(0, 1) is None
    assert bench.network.rtt(0, 1) == math.inf
    bench.engine.run_until(1.0)
    assert bench.arrived == []
    assert bench.network.dropped == {"no path": 2}


def test_the_same_seed_gives_the_same_weather_and_another_does_not() -> None:
    stormy = Conditions(
        loss=Loss(0.1, 0.3), jitter=1.0, duplicate=0.05, reorder=0.05, jitter_s=0.002
    )

    def run(seed: int) -> list[tuple[Any, float]]:
        bench = Bench(stormy, seed=seed)
        bench.every(0.01, 500)
        return bench.arrived

    assert run(1) == run(1) != run(2)


def test_jitter_delays_and_does_not_reorder() -> None:
    bench = Bench(Conditions(jitter_s=0.03))
    bench.every(0.001, 2000)
    assert bench.what == list(range(2000))
    bench = Bench(Conditions(jitter_s=0.003))
    bench.every(1.0, 2000)
    late = [at - n - 0.01 for n, at in bench.arrived]
    assert min(late) >= -1e-9
    assert statistics.mean(late) == pytest.approx(0.003, rel=0.1)


def test_reordering_is_asked_for() -> None:
    bench = Bench(Conditions(reorder=0.1, reorder_s=0.05))
    bench.every(0.01, 1000)
    overtaken = sum(a > b for a, b in zip(bench.what, bench.what[1:], strict=False))
    assert sorted(bench.what) == list(range(1000))
    assert 30 < overtaken < 130


def test_duplicates_arrive_twice_at_the_share_asked_for() -> None:
    bench = Bench(Conditions(duplicate=0.2))
    bench.every(0.01, 2000)
    assert set(bench.what) == set(range(2000))
    assert len(bench.what) == pytest.approx(2400, rel=0.03)


def test_losses_come_in_bursts_at_the_share_asked_for() -> None:
    bench = Bench(Conditions(loss=Loss(0.1, 0.2, 1.0)))
    bench.every(0.01, 100_000)
    assert bench.network.dropped["lost"] == pytest.approx(10_000, rel=0.2)
    got = set(bench.what)
    pairs = sum(n not in got and n + 1 not in got for n in range(20_000))
    assert pairs > 1500


def test_a_path_that_was_made_longer_is_longer_until_it_is_mended() -> None:
    network = Bench(Conditions(jitter_s=0.03)).network
    usual = network.one_way_s(0, 1)
    network.override(0, 1, Conditions(extra_s=0.1))
    assert network.one_way_s(0, 1) == pytest.approx(usual + 0.1)
    assert network.one_way_s(1, 0) == usual
    network.override(0, 1, None)
    assert network.one_way_s(0, 1) == usual == network.paths.one_way(0, 1)


def test_a_slow_uplink_serialises_and_its_queue_is_bounded() -> None:
    bench = Bench()
    octets = 1000 - OVERHEAD[Kind.CONTROL]
    bench.network.set_uplink(0, 80_000.0, queue_s=0.5)  # 100 ms a packet
    sent = [bench.send(n, octets=octets) for n in range(10)]
    assert sent == [True] * 6 + [False] * 4
    bench.send("from another", src=2)
    bench.engine.run_until(10.0)
    assert bench.what == ["from another", 0, 1, 2, 3, 4, 5]
    arrivals = [at for what, at in bench.arrived if what != "from another"]
    assert arrivals == pytest.approx([0.11, 0.21, 0.31, 0.41, 0.51, 0.61])
    assert bench.network.dropped == {"queue full": 4}
    bench.network.set_uplink(0, None)
    bench.arrived.clear()
    bench.send("fast again", octets=octets)
    bench.engine.run_until(20.0)
    assert bench.arrived == [("fast again", 10.01)]


def test_a_cut_stops_datagrams_breaks_streams_and_heals() -> None:
    bench = Bench()
    bench.network.cut(cut("halves", 10, [0, 2]))
    assert not bench.send("datagram")
    assert not bench.stream("stream")
    assert bench.network.sample_rtt(0, 1) is None
    assert bench.send("inside", 0, 2)
    assert bench.network.dropped == {"cut": 1, "stream broken": 1}
    bench.network.heal("halves")
    bench.network.heal("no such cut")
    assert bench.send("again")
    bench.engine.run_until(1.0)
    assert bench.what == ["inside", "again"]


def test_cuts_add_up_and_are_replaced_by_name() -> None:
    bench = Bench()
    bench.network.cut(cut("a", 10, [0]))
    bench.network.cut(cut("b", 10, [1]))
    bench.network.cut(cut("a", 10, [2]))
    assert [bench.send(n, 0, n) for n in (1, 2, 3)] == [False, False, True]
    bench.network.heal("a")
    assert [bench.send(n, 0, n) for n in (1, 2, 3)] == [False, True, True]


def test_a_one_way_cut_lets_the_other_direction_through() -> None:
    bench = Bench()
    bench.network.cut(cut("mute", 10, [0], one_way=True))
    assert not bench.send("out", 0, 1)
    assert bench.send("in", 1, 0)
    assert bench.network.sample_rtt(1, 0) is None


def test_what_is_in_flight_at_a_cut_still_arrives() -> None:
    bench = Bench()
    bench.send("early")
    bench.engine.run_until(0.005)
    bench.network.cut(cut("halves", 10, [0]))
    bench.engine.run_until(1.0)
    assert bench.what == ["early"]


def test_one_direction_of_one_pair_can_have_its_own_weather() -> None:
    bench = Bench()
    bench.network.override(0, 1, Conditions(extra_s=0.1))
    bench.network.override(2, 3, Conditions(down=True))
    assert bench.send("slow", 0, 1)
    assert bench.send("as ever", 1, 0)
    assert not bench.send("down", 2, 3)
    assert not bench.stream("down too", 2, 3)
    bench.engine.run_until(1.0)
    assert bench.arrived == [("as ever", 0.01), ("slow", pytest.approx(0.11))]
    bench.network.override(0, 1, None)
    bench.send("as before", 0, 1)
    bench.engine.run_until(2.0)
    assert bench.arrived[-1] == ("as before", 1.01)


def test_one_kind_can_be_lost_everywhere_for_a_while() -> None:
    bench = Bench()
    bench.network.lose_kind(Kind.CONTROL, Loss(1.0))
    assert not bench.send("control")
    assert bench.network.send(0, 1, 1, Kind.MEDIA, bench.got, "media")
    bench.network.lose_kind(Kind.CONTROL, None)
    assert bench.send("control again")
    bench.engine.run_until(1.0)
    assert bench.what == ["media", "control again"]


def test_a_slow_node_gets_everything_late() -> None:
    bench = Bench()
    bench.network.set_lag(1, 0.05)
    bench.send("late", 0, 1)
    bench.stream("late too", 0, 1)
    bench.send("on time", 1, 0)
    bench.engine.run_until(1.0)
    assert dict(bench.arrived) == pytest.approx(
        {"on time": 0.01, "late": 0.06, "late too": 0.06}
    )
    bench.network.set_lag(1, 0.0)
    bench.send("fast", 0, 1)
    bench.engine.run_until(2.0)
    assert bench.arrived[-1] == ("fast", 1.01)


def test_weather_can_change_for_all() -> None:
    bench = Bench(Conditions(loss=Loss(1.0)))
    assert not bench.send("lost")
    bench.network.set_conditions(CALM)
    assert bench.send("not lost")
    bench.network.set_conditions(Conditions(loss=Loss(1.0)))
    assert not bench.send("lost again")


@given(
    st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60),
    st.floats(0.0, 0.6),
    st.integers(0, 100),
)
def test_a_stream_loses_nothing_and_keeps_the_order(
    times: list[float], loss: float, seed: int
) -> None:
    bench = Bench(Conditions(loss=Loss(loss), jitter_s=0.02, reorder=0.3), seed=seed)
    for number, time in enumerate(sorted(times)):
        bench.engine.at(time, bench.stream, number)
    bench.engine.run_until(10_000.0)
    assert bench.what == list(range(len(times)))


def test_a_lost_segment_holds_up_all_behind_it() -> None:
    bench = Bench(Conditions(loss=Loss(0.02)))
    bench.every(0.01, 1000, bench.stream)
    late = [at - n * 0.01 for n, at in bench.arrived]
    assert min(late) == pytest.approx(0.01)
    assert max(late) > 0.2
    # 20 are lost; each holds up those of the next 200 ms
    assert sum(x > 0.011 for x in late) > 100


def test_sampled_round_trips_agree_with_real_ones() -> None:
    weather = Conditions(loss=Loss(0.1), jitter_s=0.004)
    bench = Bench(weather)
    sampled = [bench.network.sample_rtt(0, 1) for _ in range(10_000)]
    real: list[float] = []

    def echo(sent: float, now: float) -> None:
        bench.network.send(1, 0, 0, Kind.PROBE, back, sent)

    def back(sent: float, now: float) -> None:
        real.append(now - sent)

    def ask() -> None:
        bench.network.send(0, 1, 0, Kind.PROBE, echo, bench.engine.now)

    for n in range(10_000):
        bench.engine.at(n * 1.0, ask)
    bench.engine.run_until(20_000.0)
    kept = [rtt for rtt in sampled if rtt is not None]
    assert len(kept) == pytest.approx(len(real), rel=0.03)
    assert len(kept) == pytest.approx(8100, rel=0.03)
    assert statistics.mean(kept) == pytest.approx(statistics.mean(real), rel=0.02)
    assert statistics.stdev(kept) == pytest.approx(statistics.stdev(real), rel=0.05)


def test_sampling_counts_nothing() -> None:
    bench = Bench()
    assert bench.network.sample_rtt(0, 1) == 0.02
    assert sum(bench.network.packets) == 0


def test_a_sampled_check_sees_the_queue_of_the_uplink() -> None:
    bench = Bench()
    bench.network.set_uplink(0, 80_000.0, queue_s=0.35)
    for n in range(3):
        bench.send(n, octets=1000 - OVERHEAD[Kind.CONTROL])
    assert bench.network.sample_rtt(0, 1) == pytest.approx(0.32)
    bench.send(4, octets=1000 - OVERHEAD[Kind.CONTROL])
    assert bench.network.sample_rtt(0, 1) is None
