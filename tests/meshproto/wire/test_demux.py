from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.demux import DatagramKind, classify


@pytest.mark.parametrize(
    ("first", "last", "kind"),
    [
        (0, 3, DatagramKind.STUN),
        (4, 15, DatagramKind.UNKNOWN),
        (16, 19, DatagramKind.ZRTP),
        (20, 63, DatagramKind.DTLS),
        (64, 79, DatagramKind.TURN_CHANNEL),
        (80, 127, DatagramKind.UNKNOWN),
        (128, 191, DatagramKind.RTP),
        (192, 255, DatagramKind.UNKNOWN),
    ],
)
def test_the_first_octet_decides(first: int, last: int, kind: DatagramKind) -> None:
    assert {classify(bytes((octet, 0))) for octet in range(first, last + 1)} == {kind}


def test_rtcp_is_told_from_rtp_by_the_second_octet() -> None:
    rtcp = {o for o in range(256) if classify(bytes((128, o))) is DatagramKind.RTCP}
    assert rtcp == set(range(192, 224))


def test_a_cut_datagram_is_still_classified() -> None:
    assert classify(b"") is DatagramKind.UNKNOWN
    assert classify(b"\x80") is DatagramKind.RTP


@given(st.binary(max_size=64))
def test_every_datagram_has_one_kind(datagram: bytes) -> None:
    assert classify(datagram) in DatagramKind
