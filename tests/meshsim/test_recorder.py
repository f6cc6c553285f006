"""What of a run is written down, and what the checkers are shown."""

from __future__ import annotations

import pytest

from meshproto.distribution.events import ParentChanged
from meshproto.forwarding import relay_table as relay
from meshsim import observation as o
from meshsim.network import Conditions
from support.run import Small


def test_joins_asks_and_searches_are_noted() -> None:
    small = Small()
    joined = {join.node for join in small.run.seen.joins}
    assert joined == set(range(1, 8))
    assert {ask.node for ask in small.run.seen.asks} >= joined
    assert small.run.recorder.events["Joined"] >= 7


def test_a_repair_is_the_longest_silence_after_a_fault() -> None:
    small = Small()
    victim = small.relay()
    below = [
        node
        for node in range(1, 8)
        if victim in small.mesh.ancestors(node, small.stream())  # type: ignore[arg-type]
    ]
    small.stage.stop(victim, small.now, goodbye=False)
    small.wait(8.0)
    repairs = small.run.seen.repairs
    assert sorted(repair.node for repair in repairs) == below
    assert all(0.0 < (repair.gap_s or 0.0) < 2.0 for repair in repairs)


def test_whoever_stays_dark_has_no_gap_but_a_loss() -> None:
    small = Small()
    victim = small.relay()
    below = small.mesh.relays()[0][1]
    small.stage.stop(victim, small.now, goodbye=False)
    small.stage.stop(0, small.now, goodbye=False)
    small.wait(8.0)
    lost = [repair for repair in small.run.seen.repairs if repair.gap_s is None]
    assert len(lost) >= below


def test_a_move_is_noted_with_what_it_won() -> None:
    small = Small()
    recorder, mesh = small.run.recorder, small.mesh

    stream = small.stream()
    old, new = mesh.hosts[1].id, mesh.hosts[0].id
    changed = ParentChanged(stream, old, new, "move")  # type: ignore[arg-type]
    before = len(small.run.seen.moves)
    recorder.event(5, changed, small.now)
    move = small.run.seen.moves[before]
    assert (move.node, move.cause) == (5, o.Cause.MAINTENANCE)
    assert move.gain_s > 0.0  # one hop less


def test_leaving_a_path_that_became_longer_wins_what_it_became_longer() -> None:
    small = Small()
    recorder, mesh = small.run.recorder, small.mesh
    stream = small.stream()
    old, new = mesh.hosts[0].id, mesh.hosts[1].id
    changed = ParentChanged(stream, old, new, "move")  # type: ignore[arg-type]
    worse = Conditions(extra_s=0.1)
    gains = []
    for conditions in (None, worse):
        mesh.network.override(0, 5, conditions)
        recorder.event(5, changed, small.now)
        gains.append(small.run.seen.moves[-1].gain_s)
    assert gains[0] < 0.0
    assert gains[1] == pytest.approx(gains[0] + 0.1)


def test_samples_say_who_is_served_and_what_it_costs() -> None:
    small = Small(until_s=12.0)
    sample = small.run.seen.served[-1]
    assert (sample.subscribed, sample.served) == (7, 7)
    traffic = small.run.seen.traffic[-1].octets
    assert {"media", "probe", "setup", "gossip", "distribution"} <= set(traffic)
    assert traffic["media"] > traffic["distribution"] > 0


def test_what_is_around_records_is_split_by_what_was_sent_meanwhile() -> None:
    recorder = Small().run.recorder
    recorder._control, recorder._shares = 0, {}
    recorder._carried.clear()
    assert recorder._split(300, {"overlay": 100}) == {"overlay": 300}
    # routing sent all of what came since: the start does not take part in that
    split = recorder._split(700, {"overlay": 100, "routing": 100})
    assert split == {"overlay": 300, "routing": 400}
    assert recorder._split(700, {"overlay": 100, "routing": 100}) == split


def test_a_viewer_without_packets_is_late_only_if_it_could_have_had_some() -> None:
    small = Small(until_s=12.0)
    recorder, checkers = small.run.recorder, small.run.checkers
    recorder._viewers.clear()
    for now in (12.0, 17.0):
        recorder.unserved(4.0, now, calm=False)
    assert checkers.broken == []
    small.stage.stop(3, small.now, goodbye=False)
    recorder.unserved(4.0, 18.0, calm=True)
    (broken,) = checkers.broken
    assert broken.checker == "served"
    assert broken.nodes == (1, 2, 4, 5, 6, 7)


def test_the_tree_and_the_overlay_are_drawn_as_they_are() -> None:
    small = Small()
    shot = small.run.recorder.tree_shot(small.stream(), small.now)  # type: ignore[arg-type]
    assert shot.parent[0] == o.NOBODY
    assert list(shot.subscribed) == [False] + [True] * 7
    assert shot.served[1:].all()
    small.run.recorder.overlay_shot(small.now, "now")
    overlay = small.run.seen.overlays[-1]
    assert len(overlay.pairs) >= 7
    assert all(a < b for a, b in overlay.pairs)


def test_a_violation_is_kept_with_what_led_to_it() -> None:
    small = Small()
    small.run.recorder.circulated(3, small.stream(), 17)  # type: ignore[arg-type]
    (violation,) = small.run.seen.violations
    assert violation.checker == "hop-limit"
    assert violation.time_s == small.now
    assert violation.seed == 1
    assert violation.events
    assert all(line.split()[1] in {"3", "*"} for line in violation.events)


def test_a_plane_that_is_programmed_into_a_cycle_is_seen() -> None:
    small = Small()
    recorder, mesh, stream = small.run.recorder, small.mesh, small.stream()
    for node, parent in ((1, 2), (2, 3), (3, 1)):
        delta = relay.SetActive(stream, mesh.hosts[parent].id)  # type: ignore[arg-type]
        recorder.table_changed(node, delta, small.now)
    small.wait(3.5)
    assert "tree-loop" in {v.checker for v in small.run.seen.violations}


def test_packets_are_those_of_the_steady_window() -> None:
    small = Small(until_s=20.0)
    small.run.recorder.steady()
    small.wait(10.0)
    packets = small.run.end().packets
    assert packets.due == pytest.approx(7 * 100, abs=14)
    assert packets.due >= packets.delivered >= packets.due - 7
    assert packets.received == pytest.approx(packets.due, abs=14)
    octets = 7 * 10.0 * 2_500_000 / 8
    assert packets.delivered_octets == pytest.approx(octets, rel=0.1)


def test_the_books_are_closed_once() -> None:
    small = Small()
    seen = small.run.end()
    assert seen.packets.due == pytest.approx(seen.packets.delivered, rel=0.02)
    assert seen.packets.received >= seen.packets.delivered
    assert len(seen.trees) == 1
    assert seen.overlays
