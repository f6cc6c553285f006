"""What a layer sent lately: bounded, without duplicates, from the key frame on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.history import History
from meshproto.forwarding.packet import Packet
from meshproto.wire.descriptor import OPAQUE


def packet(number: int, now: float = 0.0, size: int = 100) -> Packet:
    return Packet(
        number,
        number,
        bytes(size),
        payload_type=96,
        codec="vp8",
        marker=False,
        carried=(),
        facts=OPAQUE,
        arrival=now,
    )


def filled(config: ForwardingConfig, count: int, step_s: float = 0.001) -> History:
    history = History(config)
    for number in range(1000, 1000 + count):
        history.add(packet(number, number * step_s))
    return history


def test_the_last_packets_are_kept() -> None:
    history = filled(ForwardingConfig(history_packets=100), 300)
    assert len(history) == 100
    assert history.get(1299) is not None
    assert history.get(1199) is None
    assert history.size == 100 * 100


def test_old_packets_go() -> None:
    history = filled(ForwardingConfig(history_s=1.0), 300, step_s=0.01)
    assert 99 <= len(history) <= 102


def test_everything_since_the_pin_is_kept_longer() -> None:
    config = ForwardingConfig(history_packets=10, history_bytes=5_000)
    history = History(config)
    for number in range(1000, 1040):
        history.add(packet(number, float(number)))
        if number == 1005:
            history.pin = 1005
    assert history.floor <= 1005
    assert [p.number for p in history.span(1005, 1007)] == [1005, 1006, 1007]


def test_packets_without_octets_do_not_keep_a_pin_for_ever() -> None:
    config = ForwardingConfig(history_packets=10, cache_packets=50)
    history = History(config)
    for number in range(1000, 1200):
        history.add(packet(number, float(number), size=0))
        if number == 1005:
            history.pin = 1005
        assert len(history) <= 50
    assert history.pin is None


def test_a_pin_that_grew_too_large_is_let_go() -> None:
    history = History(ForwardingConfig(history_packets=10, history_bytes=5_000))
    for number in range(1000, 1100):
        history.add(packet(number, float(number)))
        if number == 1005:
            history.pin = 1005
    assert history.pin is None
    assert history.size <= 5_000


def test_what_is_there_or_was_counts_as_duplicate() -> None:
    history = filled(ForwardingConfig(history_packets=10), 100)
    assert 1099 in history
    assert 1000 in history
    assert 1100 not in history


def test_packets_before_the_very_first_may_still_come() -> None:
    history = History(ForwardingConfig())
    history.add(packet(1000))
    assert 990 not in history
    history.add(packet(990))
    assert [p.number for p in history.span(0, 2000)] == [990, 1000]


def test_clearing_forgets_but_does_not_go_back() -> None:
    history = filled(ForwardingConfig(), 10)
    history.pin = 1003
    history.clear()
    assert len(history) == 0
    assert (history.pin, history.size) == (None, 0)
    assert 1009 in history
    history.add(packet(70_000))
    assert history.head == 70_000


@given(
    st.lists(st.tuples(st.integers(-40, 60), st.integers(0, 1500)), max_size=300),
    st.integers(1, 50),
    st.integers(1_000, 20_000),
)
def test_bounds_hold_whatever_comes(
    steps: list[tuple[int, int]], count: int, size: int
) -> None:
    history = History(ForwardingConfig(history_packets=count, history_bytes=size))
    now = 0.0
    for step, octets in steps:
        number = max(0, history.head + 500 if history.head < 0 else history.head + step)
        now += 0.01
        if number in history:
            continue
        history.add(packet(number, now, octets))
        if octets > 1_200:
            history.pin = number
        kept = list(history.span(0, history.head))
        assert history.size == sum(p.size for p in kept)
        assert history.size <= size or len(kept) == 1 or kept[-1].number == history.head
        assert len(history) == len(kept)
        if history.pin is None:
            assert len(kept) <= count + 33
