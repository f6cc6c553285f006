"""The limit of the uplink over any window, and what passes in spite of it."""

from __future__ import annotations

import random

from meshnode.media.uplink import HEADERS_V4, Uplink

RATE_BPS = 2_000_000
WINDOW_S = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_limit_everything_leaves_and_is_counted() -> None:
    uplink = Uplink()
    assert uplink.admit([1000] * 500, HEADERS_V4) == 500
    uplink.pay(128)
    assert uplink.octets == 500 * 1028 + 128
    assert (uplink.packets, uplink.held) == (501, 0)


def most_in_a_window(sent: list[tuple[float, int]]) -> int:
    most = total = first = 0
    for now, octets in sent:
        total += octets
        while sent[first][0] <= now - WINDOW_S:
            total -= sent[first][1]
            first += 1
        most = max(most, total)
    return most


def test_no_ten_seconds_hold_five_per_cent_more_than_the_limit() -> None:
    clock, chance = Clock(), random.Random(7)
    uplink = Uplink(RATE_BPS, clock)
    sent, before = [], 0
    for _ in range(12_000):
        # bursts of all sizes, three times what the line takes, with silences between
        clock.now += chance.choice((0.001, 0.003, 0.01, 0.4 * (chance.random() < 0.01)))
        uplink.admit(
            [chance.randrange(100, 1300)] * chance.randrange(1, 40), HEADERS_V4
        )
        if chance.random() < 0.2:
            uplink.pay(120)
        sent.append((clock.now, uplink.octets - before))
        before = uplink.octets
    allowed = RATE_BPS / 8 * WINDOW_S
    assert 0.9 * allowed < most_in_a_window(sent) < 1.05 * allowed
    assert uplink.held


def test_a_burst_is_cut_and_its_beginning_leaves() -> None:
    clock = Clock()
    uplink = Uplink(RATE_BPS, clock)
    first = uplink.admit([1000] * 100, HEADERS_V4)
    assert 0 < first < 100
    assert uplink.admit([1000], HEADERS_V4) == 0
    clock.now += 1.0
    assert uplink.admit([1000], HEADERS_V4) == 1


def test_control_passes_and_media_pays_for_it_but_not_for_ever() -> None:
    clock = Clock()
    uplink = Uplink(RATE_BPS, clock)
    for _ in range(10_000):
        uplink.pay(1000)
    assert uplink.admit([100], HEADERS_V4) == 0
    clock.now += 1.1
    assert uplink.admit([100], HEADERS_V4) == 1
