from __future__ import annotations

import pytest

from meshproto.config.ice import AgentConfig
from meshproto.ice.events import Local
from meshproto.ice.liveness import NEVER
from meshproto.ice.pair import Pair, PairState

CONFIG = AgentConfig()
REMOTE = ("192.0.2.1", 5000)


def test_waits_double_up_to_the_longest() -> None:
    pair = Pair(Local(0), REMOTE, 0.0, announced=True)
    waits = []
    for _ in range(CONFIG.attempts):
        pair.sent(CONFIG, 0.0)
        waits.append(pair.due_at)
    assert waits == pytest.approx([0.1, 0.2, 0.4, *[0.8] * 6])
    assert sum(waits) == pytest.approx(5.5)
    assert pair.spent(CONFIG)


def test_an_address_that_nobody_announced_gets_two_checks() -> None:
    pair = Pair(Local(0), REMOTE, 0.0, announced=False)
    pair.sent(CONFIG, 0.0)
    assert not pair.spent(CONFIG)
    pair.sent(CONFIG, 0.1)
    assert pair.spent(CONFIG)


def test_the_first_answer_is_the_round_trip_and_later_ones_smooth_it() -> None:
    pair = Pair(Local(0), REMOTE, 0.0, announced=True)
    pair.answered(0.1)
    assert (pair.state, pair.rtt_s, pair.due_at) == (PairState.PROVEN, 0.1, NEVER)
    pair.answered(0.2)
    assert pair.rtt_s == pytest.approx(0.125)


def test_a_failed_pair_may_begin_again() -> None:
    pair = Pair(Local(0), REMOTE, 0.0, announced=True)
    pair.sent(CONFIG, 0.0)
    pair.failed()
    assert (pair.state, pair.due_at) == (PairState.FAILED, NEVER)
    pair.again(5.0)
    assert (pair.state, pair.due_at, pair.attempts) == (PairState.WAITING, 5.0, 0)


def test_it_shows_what_it_is() -> None:
    pair = Pair(Local(0), REMOTE, 0.0, announced=True)
    assert "192.0.2.1" in repr(pair)
    assert "waiting" in repr(pair)
