"""Probes over made-up paths: paced, confirmed, refused, or left unanswered."""

from __future__ import annotations

import pytest

from meshproto.forwarding.congestion.history import Seen
from meshproto.forwarding.congestion.prober import (
    PAUSE_MAX_S,
    PAUSE_S,
    STEP_S,
    Prober,
)

ESTIMATE_BPS = 1_000_000
GOAL_BPS = 1_900_000


class Scene:
    """Sends what the prober asks for through a path of `capacity_bps`."""

    def __init__(self, capacity_bps: float = 1e9, *, loss_every: int = 0) -> None:
        self.prober = Prober()
        self.prober.set_goal(GOAL_BPS)
        self.capacity_bps = capacity_bps
        self.loss_every = loss_every
        self.now = 100.0
        self.padding = 0
        self.free_at = 0.0
        self.seen: list[Seen] = []

    def cluster(self) -> None:
        """Start what is due, and run it to its end."""
        self.prober.begin(ESTIMATE_BPS, self.now)
        while self.runs():
            missing = self.prober.padding_due(self.now)
            if missing:
                self.send(missing)
            self.now += STEP_S / 2

    def runs(self) -> bool:
        """Whether packets sent now belong to a cluster."""
        return self.prober.on_sent(0, 0, self.now) > 0

    def send(self, size: int) -> None:
        number = self.prober.on_sent(1, size, self.now)
        self.padding += size
        self.free_at = max(self.free_at, self.now) + size * 8 / self.capacity_bps
        lost = self.loss_every > 0 and len(self.seen) % self.loss_every == 2
        received = 0 if lost else 1
        arrival_s = self.free_at + 7_000
        self.seen.append(
            Seen(self.now, arrival_s, size * received, received, 1 - received, number)
        )

    def answer(self) -> float | None:
        self.now += 0.1
        seen, self.seen = self.seen, []
        return self.prober.on_seen(seen, ESTIMATE_BPS, self.now)

    def probe(self) -> float | None:
        """A scout, and the confirmation if it comes to that."""
        self.cluster()
        assert self.answer() is None
        self.cluster()
        return self.answer()


def test_a_free_path_proves_the_goal_and_some_more() -> None:
    scene = Scene()
    proven = scene.probe()
    assert proven is not None
    assert GOAL_BPS < proven < 1.6 * GOAL_BPS
    assert scene.padding < 50_000


def test_a_full_path_ends_the_probe_after_the_scout() -> None:
    scene = Scene(ESTIMATE_BPS)
    assert scene.probe() is None
    assert scene.padding < 15_000
    assert scene.prober.next_timeout(ESTIMATE_BPS) == pytest.approx(
        scene.now - 0.2 + 0.1 + PAUSE_S, abs=0.2
    )


def test_what_a_scout_met_is_confirmed_if_it_is_worth_it() -> None:
    proven = Scene(1_400_000).probe()
    assert proven is not None
    assert proven == pytest.approx(1_330_000, rel=0.08)


def test_losses_that_are_tolerated_do_not_lower_the_result() -> None:
    proven = Scene(loss_every=12).probe()
    assert proven is not None
    assert proven > GOAL_BPS


def test_far_goals_are_reached_for_by_doubling() -> None:
    scene = Scene()
    scene.prober.set_goal(8_000_000)
    proven = scene.probe()
    assert proven is not None
    assert 2_000_000 < proven < 3_200_000
    assert scene.prober.next_timeout(proven) == pytest.approx(scene.now)


def test_nothing_is_probed_without_need() -> None:
    scene = Scene()
    scene.prober.set_goal(0.9 * ESTIMATE_BPS)
    scene.cluster()
    assert scene.padding == 0
    assert scene.prober.next_timeout(ESTIMATE_BPS) is None
    assert scene.answer() is None


def test_live_packets_count_as_padding() -> None:
    scene = Scene()
    scene.prober.begin(ESTIMATE_BPS, scene.now)
    assert scene.prober.padding_due(scene.now) > 0
    scene.prober.on_sent(5, 6_000, scene.now)
    scene.now += STEP_S
    assert scene.prober.padding_due(scene.now) == 0


def test_steps_keep_their_distance() -> None:
    scene = Scene()
    scene.prober.begin(ESTIMATE_BPS, scene.now)
    assert scene.prober.next_timeout(ESTIMATE_BPS) == scene.now
    assert scene.prober.padding_due(scene.now) > 0
    assert scene.prober.padding_due(scene.now) == 0
    assert scene.prober.next_timeout(ESTIMATE_BPS) == scene.now + STEP_S


def test_congestion_ends_a_probe_and_postpones_the_next() -> None:
    scene = Scene()
    scene.prober.begin(ESTIMATE_BPS, scene.now)
    scene.prober.postpone(scene.now)
    assert not scene.runs()
    scene.cluster()
    assert scene.padding == 0
    scene.now += PAUSE_S
    scene.cluster()
    assert scene.padding > 0


def test_pauses_between_failures_grow_within_bounds() -> None:
    scene, pauses = Scene(ESTIMATE_BPS), []
    for _ in range(6):
        scene.cluster()
        scene.answer()
        due = scene.prober.next_timeout(ESTIMATE_BPS)
        assert due is not None
        pauses.append(due - scene.now)
        scene.now, scene.free_at = due, 0.0
    assert pauses[0] == pytest.approx(PAUSE_S)
    assert pauses[1] > 1.2 * PAUSE_S
    assert pauses[-1] == pytest.approx(PAUSE_MAX_S)


def test_an_unanswered_probe_is_given_up_and_repeated() -> None:
    scene = Scene()
    scene.cluster()
    due = scene.prober.next_timeout(ESTIMATE_BPS)
    assert due is not None
    scene.prober.handle_timeout(due - 0.01)
    scene.now = due - 0.01
    scene.prober.begin(ESTIMATE_BPS, scene.now)
    assert not scene.runs()
    scene.now = due
    scene.prober.handle_timeout(due)
    scene.prober.begin(ESTIMATE_BPS, due)
    assert scene.runs()


def test_feedback_that_skips_the_cluster_is_no_answer() -> None:
    scene = Scene()
    scene.cluster()
    later = Seen(scene.now + 0.01, 7_100.0, 1_000, 1, 0, 0)
    assert scene.prober.on_seen([later], ESTIMATE_BPS, scene.now + 0.1) is None
    assert scene.prober.next_timeout(ESTIMATE_BPS) == scene.now + 0.1


def test_half_an_answer_is_waited_for() -> None:
    scene = Scene()
    scene.cluster()
    half = scene.seen[:2]
    assert scene.prober.on_seen(half, ESTIMATE_BPS, scene.now) is None
    rest = scene.seen[2:]
    assert scene.prober.on_seen(rest, ESTIMATE_BPS, scene.now) is None
    assert scene.runs()  # it passed: the confirmation runs


def test_a_cluster_lost_in_most_of_its_packets_proves_little() -> None:
    scene = Scene(loss_every=3)
    proven = scene.probe()
    assert proven is None or proven < 1.8 * ESTIMATE_BPS


def test_a_probe_nobody_could_pad_proves_nothing() -> None:
    scene = Scene()
    scene.prober.begin(ESTIMATE_BPS, scene.now)
    scene.now += 1.0
    other = Seen(scene.now, 7_100.0, 1_000, 1, 0, 0)
    assert scene.prober.on_seen([other], ESTIMATE_BPS, scene.now) is None
    assert scene.prober.next_timeout(ESTIMATE_BPS) == scene.now + PAUSE_S
