"""Round trip, loss and liveness: what RFC 0005 section 6 says, figure by figure."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.config.link import LinkConfig
from meshproto.link.quality import NEVER, Quality

CONFIG = LinkConfig()


def quality(rtt_s: float = 0.1) -> Quality:
    return Quality(CONFIG, rtt_s, 0.0)


def test_one_probe_a_second_weighs_an_eighth() -> None:
    found = quality(0.1)
    found.answered(0.18, 1.0)
    assert found.rtt_s == pytest.approx(0.11)
    assert found.jitter_s == pytest.approx(0.01)


def test_fast_and_slow_checks_smooth_over_the_same_time() -> None:
    fast, slow = quality(0.1), quality(0.1)
    for step in range(1, 17):
        fast.answered(0.109, step * 0.25)
    for step in range(1, 3):
        slow.answered(0.109, step * 2.0)
    assert fast.rtt_s == pytest.approx(slow.rtt_s)
    assert fast.rtt_s == pytest.approx(0.109 - 0.009 * (7 / 8) ** 4)


def test_a_long_pause_does_not_make_one_sample_everything() -> None:
    found = quality(0.1)
    found.answered(0.2, 1_000.0)
    assert found.rtt_s < 0.15


@pytest.mark.parametrize("every_s", [0.25, 2.0])
def test_a_step_that_lasts_is_believed_at_once(every_s: float) -> None:
    found, now = quality(0.1), 0.0
    began = now + every_s
    while not found.rtt_s >= 0.3:
        now += every_s
        found.answered(0.3 + 0.001 * (now % 1.0), now)
        assert now - began <= max(CONFIG.step_held_s, every_s)
    assert found.rtt_s <= 0.301
    assert found.jitter_s < 0.01


def test_one_sample_that_is_not_high_ends_the_step() -> None:
    found = quality(0.1)
    for step in range(1, 41):
        found.answered(0.11 if step % 5 == 0 else 0.15, step * 0.25)
        assert found.rtt_s < 0.15


def test_noise_as_large_as_usual_is_no_step() -> None:
    found = quality(0.1)
    for step in range(1, 200):
        found.answered(0.1 if step % 3 else 0.16, step * 0.25)
    assert 0.1 < found.rtt_s < 0.14
    for step in range(200, 240):
        found.answered(0.16, step * 0.25)
        assert found.rtt_s < 0.16


def test_the_greeting_gives_the_lesser_of_two_samples() -> None:
    found = quality(0.1)
    found.greeted(0.3)
    assert found.rtt_s == 0.1
    found.greeted(0.05)
    assert found.rtt_s == 0.05
    unknown = quality(0.0)
    unknown.greeted(0.3)
    assert unknown.rtt_s == 0.3


def test_a_single_miss_is_a_small_loss_and_answers_forget_it() -> None:
    found = quality()
    found.missed()
    assert found.loss == pytest.approx(1 / 64)
    for step in range(200):
        found.answered(0.1, float(step))
    assert found.loss < 0.002


def test_a_silence_is_no_loss() -> None:
    found = quality()
    for _ in range(20):
        found.missed()
    assert found.loss == pytest.approx(1 / 64)
    found.answered(0.1, 1.0)
    found.missed()
    assert found.loss > 1 / 64


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_what_is_lost_here_and_there_counts_nearly_whole(share: float) -> None:
    found, chance, seen = quality(), random.Random(1), []
    for step in range(20_000):
        if chance.random() < share:
            found.missed()
        else:
            found.answered(0.1, float(step))
        seen.append(found.loss)
    assert sum(seen) / len(seen) == pytest.approx(share, rel=0.06)


def test_a_link_is_never_down_while_fewer_than_four_checks_failed() -> None:
    found = quality()
    for _ in range(3):
        found.missed()
    assert found.down_at(tree=True) == NEVER
    found.missed()
    assert found.down_at(tree=True) == 0.75
    assert found.down_at(tree=False) == 6.0


def test_anything_authenticated_puts_the_end_off_and_an_answer_takes_it_away() -> None:
    found = quality()
    for _ in range(4):
        found.missed()
    found.heard_at = 2.0
    assert found.down_at(tree=True) == 2.75
    found.answered(0.1, 2.5)
    assert found.unanswered == 0
    assert found.down_at(tree=True) == NEVER


def test_small_steps_are_not_told_and_add_up_until_they_are() -> None:
    found = quality(0.1)
    told = 0
    for step in range(1, 60):
        found.answered(0.1 + 0.0004 * step, float(step))
        told += found.moved()
    assert 2 <= told <= 4


def test_a_step_must_exceed_both_the_share_and_the_time() -> None:
    near, far = quality(0.01), quality(0.3)
    near.rtt_s += 0.002
    far.rtt_s += 0.01
    assert not near.moved()
    assert not far.moved()
    near.rtt_s += 0.002
    far.rtt_s += 0.01
    assert near.moved()
    assert far.moved()
    assert not near.moved()


def checks(found: Quality, number: int, every: int) -> list[float]:
    """The loss told at each move, when one check of `every` is missed, its repetition
    answered.
    """
    told = []
    for step in range(1, number + 1):
        if step % every == 0:
            found.missed()
        found.answered(0.1, float(step))
        if step % every:
            continue
        if found.moved():
            told.append(found.told_loss)
    return told


def test_lasting_loss_is_told_in_steps() -> None:
    found = quality()
    told = checks(found, 600, 5)
    assert [step > 0.045 for step in told] == [True] * len(told)
    assert 2 <= len(told) <= 4
    assert found.loss == pytest.approx(0.2, abs=0.03)
    assert abs(found.told_loss - found.loss) < CONFIG.moved_loss


def test_a_loss_that_repairs_make_good_is_not_told() -> None:
    found = quality()
    assert checks(found, 3_000, 50) == []
    assert found.loss == pytest.approx(0.02, abs=0.01)
    assert found.told_loss == 0.0


def test_repetitions_of_a_missed_check_are_no_loss() -> None:
    found = quality()
    for _ in range(300):
        found.missed()
    assert found.unanswered == 300
    assert found.loss == pytest.approx(1 / 64)
    assert not found.moved()
    found.answered(0.1, 1.0)
    assert found.loss == pytest.approx(1 / 64)
    found.answered(0.1, 2.0)
    assert found.loss < 1 / 64


def test_a_round_trip_that_moved_does_not_tell_the_noise_of_the_loss() -> None:
    found = quality(0.1)
    found.missed()
    found.answered(0.1, 1.0)
    found.rtt_s = 0.2
    assert found.moved()
    assert found.told_loss == 0.0


def test_patience_covers_round_trip_spread_and_delay_of_the_answer() -> None:
    assert quality(0.1).patience_s() == pytest.approx(0.1 + 0.025 + 0.02)
    assert quality(0.001).patience_s() == pytest.approx(0.02 + 0.02)
    shaky = quality(0.1)
    shaky.jitter_s = 0.05
    assert shaky.patience_s() == pytest.approx(0.1 + 0.2 + 0.02)


@given(st.lists(st.none() | st.floats(0.0, 10.0), max_size=50))
def test_what_is_smoothed_stays_within_what_was_seen(
    samples: list[float | None],
) -> None:
    found = quality(0.1)
    for second, sample in enumerate(samples, 1):
        if sample is None:
            found.missed()
        else:
            found.answered(sample, float(second))
    seen = [0.1, *(sample for sample in samples if sample is not None)]
    assert min(seen) - 1e-9 <= found.rtt_s <= max(seen) + 1e-9
    assert 0.0 <= found.loss <= 1.0
    assert found.jitter_s >= 0.0
