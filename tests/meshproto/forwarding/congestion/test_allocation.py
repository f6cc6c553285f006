"""The estimate shared out: audio, chosen layers, and everybody else step by step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.congestion.allocation import (
    DOWN_WAIT_S,
    UP_MARGIN,
    Allocation,
    Allocator,
    Demand,
)
from meshproto.forwarding.congestion.ladder import LayerRate, Target
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId

LAYERS = (
    LayerRate("low", 150_000),
    LayerRate("high", 1_700_000),
    LayerRate("middle", 500_000),
)
AUDIO_BPS = 50_000
ONE = ConsumerId(1)


def demand(number: int = 1, **more: object) -> Demand:
    values = {"layers": LAYERS, **more}
    return Demand(ConsumerId(number), **values)  # type: ignore[arg-type]


def rid(outcome: Allocation, number: int = 1) -> str | None:
    return outcome.targets[ConsumerId(number)].rid


class Viewer:
    """An allocator asked every 100 ms."""

    def __init__(self, *demands: Demand) -> None:
        self.allocator = Allocator()
        self.demands = demands or (demand(),)
        self.now = 10.0

    def ask(self, estimate_bps: float, seconds: float = 0.0) -> Allocation:
        outcome = self.allocator.allocate(
            estimate_bps, AUDIO_BPS, self.demands, self.now
        )
        for _ in range(round(seconds / 0.1)):
            self.now += 0.1
            outcome = self.allocator.allocate(
                estimate_bps, AUDIO_BPS, self.demands, self.now
            )
        return outcome


def test_the_first_answer_uses_the_estimate_at_once() -> None:
    for estimate_bps, expected in (
        (30_000, "low"),
        (600_000, "low"),  # 550 kb/s do not fit with the margin
        (610_000, "middle"),
        (5_000_000, "high"),
    ):
        assert rid(Viewer().ask(estimate_bps)) == expected


def test_what_is_wanted_is_the_next_step_with_its_margin() -> None:
    outcome = Viewer().ask(700_000, 1)
    assert outcome.allocated_bps == 550_000
    assert outcome.wanted_bps == int(1_750_000 * UP_MARGIN)
    assert outcome.best_bps == 1_750_000
    assert Viewer().ask(3_000_000, 1).wanted_bps == 0


def test_the_best_layer_still_wants_an_estimate_that_covers_it() -> None:
    viewer = Viewer(demand(layers=(LayerRate("", 2_500_000),)))
    outcome = viewer.ask(1_000_000, 1)
    assert rid(outcome) == ""
    assert outcome.wanted_bps == int(2_550_000 * UP_MARGIN)


def test_right_after_a_change_nothing_is_wanted() -> None:
    assert Viewer().ask(700_000).wanted_bps == 0


def test_a_slight_shortage_is_borne_for_a_moment() -> None:
    viewer = Viewer()
    viewer.ask(2_000_000, 1)
    assert rid(viewer.ask(1_600_000)) == "high"
    assert rid(viewer.ask(2_000_000, 1)) == "high"
    viewer.ask(1_600_000)
    assert rid(viewer.ask(1_600_000, DOWN_WAIT_S + 0.1)) == "middle"


def test_a_severe_shortage_is_answered_at_once() -> None:
    viewer = Viewer()
    viewer.ask(2_000_000, 1)
    assert rid(viewer.ask(400_000)) == "low"


def test_two_tracks_rise_together() -> None:
    viewer = Viewer(demand(1), demand(2))
    outcome = viewer.ask(1_300_000, 1)
    assert (rid(outcome, 1), rid(outcome, 2)) == ("middle", "middle")
    outcome = viewer.ask(2_600_000, 2)
    assert sorted((str(rid(outcome, 1)), str(rid(outcome, 2)))) == ["high", "middle"]


def test_a_layer_chosen_by_hand_wins_over_the_estimate() -> None:
    viewer = Viewer(demand(1, selection=Selection(rid="high")), demand(2))
    outcome = viewer.ask(1_000_000, 1)
    assert (rid(outcome, 1), rid(outcome, 2)) == ("high", "low")
    assert outcome.allocated_bps == 1_700_000 + 150_000 + AUDIO_BPS
    unknown = Viewer(demand(selection=Selection(rid="gone")))
    assert rid(unknown.ask(1_000_000)) == "gone"


def test_a_paused_track_needs_nothing() -> None:
    viewer = Viewer(demand(1, selection=Selection(paused=True)), demand(2))
    outcome = viewer.ask(2_000_000, 1)
    assert outcome.targets[ONE] == Target(None)
    assert rid(outcome, 2) == "high"


def test_a_track_of_which_nothing_is_known_yet() -> None:
    silent = (LayerRate("h", 0), LayerRate("l", 0))
    assert rid(Viewer(demand(layers=silent)).ask(1_000_000)) == "h"
    assert rid(Viewer(demand(layers=())).ask(1_000_000)) is None


def test_consumers_that_left_are_forgotten() -> None:
    viewer = Viewer(demand(1), demand(2))
    viewer.ask(2_000_000, 1)
    viewer.demands = (demand(2),)
    assert set(viewer.ask(2_000_000, 1).targets) == {ConsumerId(2)}
    viewer.demands = (demand(1), demand(2))
    assert rid(viewer.ask(2_600_000), 1) in {"low", "middle"}


@given(
    st.lists(st.integers(0, 10_000_000), min_size=1, max_size=40),
    st.integers(1, 4),
)
def test_given_time_nobody_gets_more_than_there_is(
    estimates: list[int], tracks: int
) -> None:
    viewer = Viewer(*(demand(number) for number in range(tracks)))
    for estimate_bps in estimates:
        outcome = viewer.ask(estimate_bps, DOWN_WAIT_S + 0.2)
        lowest = AUDIO_BPS + tracks * 150_000
        assert outcome.allocated_bps <= max(estimate_bps, lowest)
        assert lowest <= outcome.allocated_bps <= outcome.best_bps


class Thorough(Allocator):
    """Without the short cut for tracks that have one layer."""

    def _without_choice(self, demands: object) -> bool:
        return False


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([0, 200_000, 900_000]), min_size=1, max_size=2),
            st.integers(50_000, 2_000_000),
            st.sampled_from([(), (80_000, 150_000)]),
            st.sampled_from([Selection(), Selection(paused=True), Selection(rid="")]),
        ),
        max_size=30,
    )
)
def test_the_short_cut_for_single_layers_changes_nothing(
    asked: list[tuple[list[int], int, tuple[int, ...], Selection]],
) -> None:
    short, thorough = Allocator(), Thorough()
    for step, (rates, estimate_bps, temporal, selection) in enumerate(asked):
        demands = [
            Demand(ConsumerId(n), (LayerRate("", bps, temporal),), selection)
            for n, bps in enumerate(rates)
        ]
        arguments = (float(estimate_bps), AUDIO_BPS, demands, step / 10)
        assert short.allocate(*arguments) == thorough.allocate(*arguments)
