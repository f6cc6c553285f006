"""From transport-wide numbers back to packets."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.outputs import OutPacket
from meshproto.forwarding.sentlog import Sent, SentLog

VIEWER = cast(Consumer, object())


def burst(*indices: int) -> list[OutPacket]:
    return [(b"", b"", 1, index) for index in indices]


def test_a_number_leads_to_its_packet() -> None:
    log = SentLog()
    log.note(10, VIEWER, burst(100, 101, 102))
    log.note_repeated(13, VIEWER, [99, 95])
    log.note(20, VIEWER, burst(103, 105))
    assert log.find(9) is None
    assert log.find(12) == Sent(VIEWER, 102, repeated=False)
    assert log.find(14) == Sent(VIEWER, 95, repeated=True)
    assert log.find(15) is None
    assert log.find(21) == Sent(VIEWER, 105, repeated=False)
    assert log.find(22) is None


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=400))
def test_old_bursts_are_forgotten_and_the_rest_is_true(
    bursts: list[tuple[int, int]],
) -> None:
    log = SentLog()
    number, index = 0, 1000
    truth: dict[int, int] = {}
    for count, gap in bursts:
        indices = [index + gap * step for step in range(count)]
        log.note(number, VIEWER, burst(*indices))
        truth.update(enumerate(indices, number))
        number, index = number + count, index + count * gap + 1
    assert len(log._firsts) <= 256
    for each, packet in list(truth.items())[-200:]:
        assert log.find(each) == Sent(VIEWER, packet, repeated=False)
