"""Packets at rest, batches, and equal sizes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.packet import Batch, Packet, equalise
from meshproto.wire.descriptor import OPAQUE, vp8


def packet(
    number: int = 1, size: int = 10, timestamp: int = 0, codec: str = "vp8"
) -> Packet:
    return Packet(
        number,
        timestamp,
        (b"\x90\x80\x55" + bytes(size))[:size],
        payload_type=number % 3,
        codec=codec,
        marker=False,
        carried=(),
        facts=OPAQUE,
        arrival=0.0,
    )


def test_a_batch_knows_its_extremes() -> None:
    batch = Batch([packet(5), packet(9, 4), packet(3)])
    assert (batch.first, batch.newest.number, batch.size) == (3, 9, 24)
    assert batch.types == {2, 0}
    assert batch.whole
    assert not Batch([packet(1), packet(2, 0)]).whole


def test_vp8_numbers_are_looked_up_once_and_only_there() -> None:
    one = packet()
    assert one.numbers == vp8.locate(one.payload)
    assert one.numbers is one.numbers
    assert packet(codec="h264").numbers is None
    assert packet(size=0).numbers is None


def test_only_packets_of_one_frame_are_made_equal() -> None:
    packets = [packet(1, 90, 0), packet(2, 95, 0), packet(3, 60, 1), packet(4, 61, 1)]
    assert equalise(packets, 8) == 6
    assert [p.size for p in packets] == [95, 95, 61, 61]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=12))
def test_padding_is_cheap_true_and_leaves_the_last_alone(
    shapes: list[tuple[int, int]],
) -> None:
    packets = [packet(i, size, stamp) for i, (size, stamp) in enumerate(shapes)]
    media = [p.payload for p in packets]
    before = sum(p.size for p in packets)
    added = equalise(packets, 8)
    assert sum(p.size for p in packets) == before + added
    for each, original in zip(packets, media, strict=True):
        assert each.media == original
        assert each.size == len(each.payload) == len(original) + each.padding
        assert each.padding <= 8
        assert not each.padding or each.payload[-1] == each.padding
        assert not each.padding or original
    if packets:
        assert packets[-1].padding == 0
    assert equalise(packets, 8) == 0
