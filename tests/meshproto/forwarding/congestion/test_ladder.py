"""Steps of a ladder, and who stands on them."""

from __future__ import annotations

from itertools import pairwise

from meshproto.forwarding.congestion.ladder import (
    FIRST_WAIT_S,
    UP_WAIT_MAX_S,
    UP_WAIT_S,
    Climber,
    LayerRate,
    Target,
)

H, M, L = LayerRate("x", 1_700), LayerRate("y", 500), LayerRate("z", 150)


def rids(climber: Climber) -> list[str | None]:
    return [step.target.rid for step in climber.steps]


def climber(*layers: LayerRate, at: int = 0, now: float = 0.0) -> Climber:
    made = Climber()
    made.look(layers)
    made.move(at, now)
    return made


def test_layers_stand_in_order_of_bitrate_whatever_their_names() -> None:
    assert rids(climber(M, H, L)) == ["z", "y", "x"]


def test_silent_layers_are_no_steps() -> None:
    assert rids(climber(H, LayerRate("y", 0), L)) == ["z", "x"]


def test_below_the_smallest_there_are_its_temporal_layers() -> None:
    temporal = LayerRate("z", 150, (60, 100, 150))
    found = climber(H, temporal)
    assert [(step.bps, step.target) for step in found.steps] == [
        (60, Target("z", 0)),
        (100, Target("z", 1)),
        (150, Target("z")),
        (1_700, Target("x")),
    ]


def test_temporal_layers_that_save_nothing_are_left_out() -> None:
    assert rids(climber(LayerRate("z", 150, (0, 150, 150)))) == ["z"]


def test_a_still_picture_does_not_change_the_order() -> None:
    found = climber(H, M, L, at=2)
    for _ in range(100):
        found.look((LayerRate("x", 90), LayerRate("y", 80), LayerRate("z", 100)))
    assert rids(found) == ["z", "y", "x"]
    assert found.step == (90, Target("x"))
    for _ in range(2_000):
        found.look((LayerRate("x", 90), LayerRate("y", 80), LayerRate("z", 100)))
    assert rids(found) == ["y", "x", "z"]
    assert found.step.target.rid == "x"


def test_a_layer_that_is_gone_leaves_its_viewer_on_the_next_one_below() -> None:
    found = climber(H, M, L, at=2)
    found.look((LayerRate("x", 0), M, L))
    assert found.step.target.rid == "y"
    assert found.next_bps is None


def test_nobody_rises_right_after_a_change() -> None:
    found = climber(H, M, L)
    assert not found.may_rise(0.1)
    assert found.may_rise(FIRST_WAIT_S)
    assert Climber().may_rise(0.0)


def test_a_rise_that_was_regretted_is_tried_later_and_later() -> None:
    found, now, waits = climber(H, M, L), 0.0, []
    for _ in range(8):
        while not found.may_rise(now):
            now += 0.05
        found.move(1, now)
        now += 1.0
        found.move(0, now)
        began = now
        while not found.may_rise(now):
            now += 0.05
        waits.append(now - began)
    assert waits[0] >= UP_WAIT_S
    assert all(later > 1.8 * sooner for sooner, later in pairwise(waits[:4]))
    assert UP_WAIT_MAX_S <= waits[-1] < UP_WAIT_MAX_S + 0.2


def test_a_fall_long_after_the_rise_is_nobodys_mistake() -> None:
    found = climber(H, M, L)
    found.move(1, 1.0)
    found.move(0, 2.0)  # regretted
    found.move(1, 10.0)
    found.move(0, 30.0)
    assert found.may_rise(30.0 + UP_WAIT_S)


def test_shortage_counts_after_some_patience_or_at_once() -> None:
    found = climber(H, M, L, at=2)
    assert not found.is_short(5.0, 0.3, severe=False)
    assert found.is_short(5.0, 0.3, severe=True)
    assert found.is_short(5.31, 0.3, severe=False)
    found.fits()
    assert not found.is_short(7.0, 0.3, severe=False)
