from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp
from meshproto.wire import rtcp_feedback as feedback

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@given(U32, U32, st.lists(st.tuples(U16, U16), min_size=1))
def test_nacks_survive(sender: int, media: int, pairs: list[tuple[int, int]]) -> None:
    nack = feedback.Nack(sender, media, tuple(pairs))
    assert rtcp.parse(nack.encode()) == [nack]


@given(U16, st.sets(st.integers(0, 3000), min_size=1, max_size=60))
def test_a_nack_names_just_the_lost_packets(start: int, offsets: set[int]) -> None:
    lost = [start + offset & 0xFFFF for offset in sorted(offsets)]
    assert list(feedback.Nack.of(1, 2, lost).lost()) == lost


def test_a_pair_holds_seventeen_and_crosses_the_wrap() -> None:
    assert feedback.nack_pairs([*range(65530, 65536), *range(11)]) == [(65530, 0xFFFF)]
    assert feedback.nack_pairs([5, 5, 22]) == [(5, 0), (22, 0)]
    assert feedback.nack_pairs([]) == []


@given(U32, U32)
def test_picture_loss_survives(sender: int, media: int) -> None:
    pli = feedback.PictureLossIndication(sender, media)
    assert rtcp.parse(pli.encode()) == [pli]


@given(U32, U32, st.lists(st.tuples(U32, st.integers(0, 255)), min_size=1))
def test_intra_requests_survive(
    sender: int, media: int, entries: list[tuple[int, int]]
) -> None:
    fir = feedback.FullIntraRequest(sender, media, tuple(entries))
    assert rtcp.parse(fir.encode()) == [fir]


@given(U32, st.integers(0, feedback.MAX_BITRATE_BPS), st.lists(U32, max_size=255))
def test_estimates_lose_at_most_one_part_in_2_to_the_17(
    sender: int, bitrate_bps: int, ssrcs: list[int]
) -> None:
    estimate = feedback.BitrateEstimate(sender, bitrate_bps, tuple(ssrcs))
    (read,) = rtcp.parse(estimate.encode())
    assert isinstance(read, feedback.BitrateEstimate)
    assert read.ssrcs == estimate.ssrcs
    assert bitrate_bps * (1 - 2**-17) <= read.bitrate_bps <= bitrate_bps


def test_an_absurd_estimate_is_clamped() -> None:
    body = bytes(8) + b"REMB" + bytes.fromhex("00ffffff")
    read = feedback.decode_remb(body)
    assert read is not None
    assert read.bitrate_bps == feedback.MAX_BITRATE_BPS


def test_another_application_message_is_none_of_ours() -> None:
    assert feedback.decode_remb(bytes(8) + b"XEMB" + bytes(4)) is None
    assert feedback.decode_remb(bytes(8)) is None


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (feedback.decode_pli, bytes(7)),
        (feedback.decode_nack, bytes(8)),
        (feedback.decode_nack, bytes(14)),
        (feedback.decode_fir, bytes(8)),
        (feedback.decode_fir, bytes(20)),
        (feedback.decode_remb, bytes(4)),
        (feedback.decode_remb, bytes(8) + b"REMB"),
        (feedback.decode_remb, bytes(8) + b"REMB" + bytes.fromhex("01000000")),
    ],
)
def test_cut_feedback_is_refused(
    decode: Callable[[bytes], object], body: bytes
) -> None:
    with pytest.raises(DecodeError):
        decode(body)


@pytest.mark.parametrize(
    "estimate",
    [
        feedback.BitrateEstimate(1, 1, tuple(range(256))),
        feedback.BitrateEstimate(1, -1, ()),
        feedback.BitrateEstimate(1, feedback.MAX_BITRATE_BPS + 1, ()),
    ],
)
def test_estimates_out_of_range_are_not_written(
    estimate: feedback.BitrateEstimate,
) -> None:
    with pytest.raises(StateError):
        estimate.encode()
