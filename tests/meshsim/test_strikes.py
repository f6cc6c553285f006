"""What faults do, when they do it, and that they end."""

from __future__ import annotations

import pytest

from meshsim.faults import Fault, Strike, What, Who
from meshsim.network import Kind
from meshsim.strikes import Faults
from support.stage import Ledger


def struck(*faults: Fault, until: float = 100.0, field: Ledger | None = None) -> Ledger:
    field = field or Ledger().all_run()
    Faults(field.engine, field).schedule(faults)
    field.engine.run_until(until)
    field.calls = [call for call in field.calls if call[1] != "struck"]
    return field


def node_7(what: What, at_s: float = 5.0, **more: object) -> Fault:
    return Fault(what, at_s, Who.NODES, (7,), **more)  # type: ignore[arg-type]


def test_a_crash_is_silent_and_for_good() -> None:
    assert struck(node_7(What.CRASH)).calls == [(5.0, "stop", 7, False)]


@pytest.mark.parametrize("kept", [True, False])
def test_a_crash_with_a_time_ends_in_a_restart_with_or_without_state(
    kept: bool,
) -> None:
    field = struck(node_7(What.CRASH, for_s=2.0, keep_state=kept))
    assert field.calls == [(5.0, "stop", 7, False), (7.0, "start", 7, kept)]


def test_who_leaves_says_goodbye() -> None:
    assert struck(node_7(What.LEAVE)).calls == [(5.0, "stop", 7, True)]


def test_a_flap_is_several_crashes_and_restarts() -> None:
    field = struck(node_7(What.FLAP, times=3, period_s=4.0))
    assert [(call[0], call[1]) for call in field.calls] == [
        *((5.0, "stop"), (7.0, "start"), (9.0, "stop")),
        *((11.0, "start"), (13.0, "stop"), (15.0, "start")),
    ]


def test_a_frozen_node_thaws() -> None:
    field = struck(node_7(What.FREEZE, for_s=3.0))
    assert field.calls == [(5.0, "freeze", 7), (8.0, "thaw", 7)]


def test_clocks_jump_nodes_lie_and_nats_reboot() -> None:
    field = struck(
        node_7(What.CLOCK, by_s=-30.0),
        node_7(What.LIE, 6.0, about="delay"),
        node_7(What.READDRESS, 7.0),
    )
    assert field.calls == [
        (5.0, "jump", 7, -30.0),
        (6.0, "lie", 7, "delay"),
        (7.0, "readdress", 7),
    ]


def test_a_slow_node_is_slow_for_its_time() -> None:
    field = Ledger().all_run()
    fault = node_7(What.SLOW, lag_s=0.3, for_s=2.0)
    assert struck(fault, until=6.0, field=field).network.sample_rtt(0, 7) == (
        pytest.approx(0.32)
    )
    field.engine.run_until(8.0)
    assert field.network.sample_rtt(0, 7) == pytest.approx(0.02)


def test_a_partition_cuts_off_those_hit_and_heals() -> None:
    field = Ledger().all_run()
    struck(Fault(What.PARTITION, 5.0, portion=0.5, for_s=10.0), until=6.0, field=field)
    reached = [field.network.sample_rtt(0, n) is not None for n in range(1, 20)]
    assert reached.count(True) == 9
    field.engine.run_until(16.0)
    assert all(field.network.sample_rtt(0, n) for n in range(1, 20))


def test_a_partition_may_be_one_way_or_partial() -> None:
    nodes = tuple(range(10))
    field = struck(
        Fault(What.PARTITION, 5.0, Who.NODES, nodes, one_way=True), until=6.0
    )
    assert field.network.is_cut(0, 15)
    assert not field.network.is_cut(15, 0)
    field = struck(Fault(What.PARTITION, 5.0, Who.NODES, nodes, share=0.5), until=6.0)
    cut = [field.network.is_cut(a, b) for a in range(10) for b in range(10, 20)]
    assert 30 < cut.count(True) < 70


def test_two_partitions_heal_one_after_the_other() -> None:
    field = struck(
        Fault(What.PARTITION, 5.0, Who.NODES, (1,), for_s=10.0),
        Fault(What.PARTITION, 6.0, Who.NODES, (2,), for_s=2.0),
        until=9.0,
    )
    assert field.network.is_cut(0, 1)
    assert not field.network.is_cut(0, 2)


def test_a_link_is_severed_between_two_or_towards_the_parent() -> None:
    field = Ledger().all_run()
    field.parents = {7: 3}
    struck(
        Fault(What.SEVER, 5.0, Who.NODES, (1, 2), for_s=5.0),
        Fault(What.SEVER, 5.0, Who.CHILD, one_way=True),
        until=6.0,
        field=field,
    )
    sends = {
        pair: field.network.send(*pair, 10, Kind.CONTROL, print)
        for pair in [(1, 2), (2, 1), (3, 7), (7, 3), (1, 3)]
    }
    assert sends == {
        (1, 2): False,
        (2, 1): False,
        (3, 7): False,
        (7, 3): True,
        (1, 3): True,
    }


def test_a_path_from_the_parent_gets_worse_and_better_again() -> None:
    field = Ledger().all_run()
    field.parents = {7: 3}
    worse = Fault(What.WORSEN, 5.0, Who.CHILD, lag_s=0.1, for_s=10.0)
    struck(worse, until=6.0, field=field)
    assert field.network.sample_rtt(3, 7) == pytest.approx(0.22)
    field.engine.run_until(16.0)
    assert field.network.sample_rtt(3, 7) == pytest.approx(0.02)


@pytest.mark.parametrize("share", [0.2, 0.6, 1.0])
def test_packets_of_a_kind_are_lost_for_a_while(share: float) -> None:
    field = Ledger().all_run()
    struck(
        Fault(What.LOSE, 5.0, share=share, packets=Kind.PROBE, for_s=200.0),
        until=6.0,
        field=field,
    )
    outcome: list[bool] = []

    def probe() -> None:
        outcome.append(field.network.send(0, 1, 10, Kind.PROBE, lambda _: None))
        assert field.network.send(0, 1, 10, Kind.CONTROL, lambda _: None)

    for n in range(19_000):
        field.engine.at(6.0 + n * 0.01, probe)
    field.engine.run_until(197.0)
    assert outcome.count(False) / len(outcome) == pytest.approx(share, rel=0.2)
    field.engine.run_until(206.0)
    assert all(
        field.network.send(0, 1, 10, Kind.PROBE, lambda _: None) for _ in range(99)
    )


def test_random_faults_strike_at_their_mean_interval_within_their_time() -> None:
    field = Ledger().all_run()
    faults = Faults(field.engine, field)
    faults.schedule([Fault(What.READDRESS, 100.0, every_s=10.0, until_s=10_100.0)])
    field.engine.run_until(20_000.0)
    times = [strike.time_s for strike in faults.struck]
    assert len(times) == pytest.approx(1000, rel=0.12)
    assert 100.0 < times[0] < times[-1] <= 10_100.0


def test_it_is_remembered_and_told_before_it_has_an_effect() -> None:
    field = Ledger().all_run()
    faults = Faults(field.engine, field)
    crash, loss = node_7(What.CRASH, label="one"), Fault(What.LOSE, 6.0, share=0.1)
    faults.schedule([crash, loss])
    field.engine.run_until(10.0)
    assert faults.struck == [Strike(5.0, crash, (7,)), Strike(6.0, loss, ())]
    assert field.calls == [
        (5.0, "struck", crash, (7,)),
        (5.0, "stop", 7, False),
        (6.0, "struck", loss, ()),
    ]
