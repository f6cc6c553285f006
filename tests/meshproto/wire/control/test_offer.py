"""An offer inside another record."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.ids import StreamId
from meshproto.wire.control.offer import OFFER, Offer

STREAM = StreamId(b"s" * 16)


def test_an_offer_survives_the_wire() -> None:
    offer = Offer(STREAM, True, 0.125, 3, 40)
    assert OFFER.encode(offer) == [STREAM, True, 12_500, 3, 40]
    assert OFFER.decode(OFFER.encode(offer)) == offer


@pytest.mark.parametrize(
    "data",
    [
        [b"short", True, 0, 0, 0],
        [STREAM, 1, 0, 0, 0],
        [STREAM, True, 6_000_001, 0, 0],
        [STREAM, True, 0, 256, 0],
        [STREAM, True, 0, 0, 65_536],
        [STREAM, True, 0, 0],
        None,
    ],
)
def test_an_offer_out_of_bounds_is_refused(data: object) -> None:
    with pytest.raises(DecodeError):
        OFFER.decode(data)
