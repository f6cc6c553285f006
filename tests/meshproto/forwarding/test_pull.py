"""What layers that do not come are thought to cost."""

from __future__ import annotations

from meshproto.forwarding.pull import LOWEST_BPS, SETTLED_S, STEP, Pull

RIDS = ("l", "m", "h")


def test_the_lowest_layer_is_asked_for_from_the_beginning() -> None:
    assert list(Pull(RIDS, 5.0).told) == ["l"]


def test_prices_are_guessed_from_the_layer_below_until_they_are_known() -> None:
    pull = Pull(RIDS, 0.0)
    assert pull.price_bps("l", 0.0) == LOWEST_BPS
    assert pull.price_bps("h", 0.0) == LOWEST_BPS * STEP**2
    pull.told["m"] = 1.0
    early = pull.learn("m", 5_000_000, 1.0 + SETTLED_S / 2)
    assert early == LOWEST_BPS * STEP, "the cache of the parent is no measure"
    assert pull.price_bps("m", 2.0) == LOWEST_BPS * STEP
    assert pull.learn("m", 300_000, 1.0 + SETTLED_S) == 300_000
    assert pull.price_bps("m", 2.0) == 300_000
    assert pull.price_bps("h", 2.0) == 300_000 * STEP


def test_a_layer_that_is_not_pulled_teaches_nothing() -> None:
    pull = Pull(RIDS, 0.0)
    pull.learn("h", 5_000, 100.0)
    assert "h" not in pull.prices


def test_a_barren_layer_costs_nothing_and_may_not_be_had_until_it_is_tried_anew() -> (
    None
):
    pull = Pull(RIDS, 0.0)
    pull.barren["m"] = 10.0
    assert pull.is_barren("m", 9.0)
    assert pull.price_bps("m", 9.0) == 0
    assert pull.price_bps("m", 10.0) == LOWEST_BPS * STEP
    pull.told["m"] = 0.0
    pull.learn("m", 7, 9.0)
    assert not pull.is_barren("m", 9.0)
