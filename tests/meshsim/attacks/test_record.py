"""Messages and their deliveries, in columns."""

from __future__ import annotations

import pytest

from meshproto.ids import NodeId
from meshsim.attacks.record import Record

AUTHOR = NodeId(b"author")


def test_a_delivery_is_timed_from_the_publishing_of_its_message() -> None:
    record = Record()
    record.published(b"one", 3, 10.0)
    record.published(b"two", 4, 11.0)
    record.delivered(b"two", AUTHOR, 7, 11.25)
    record.delivered(b"one", AUTHOR, 8, 12.0)
    assert len(record) == 2
    assert list(record.authors) == [3, 4]
    assert list(record.times_s) == [10.0, 11.0]
    assert list(record.messages) == [1, 0]
    assert list(record.receivers) == [7, 8]
    assert list(record.delays_s) == [0.25, 2.0]


def test_a_message_that_nobody_wrote_is_a_defect() -> None:
    with pytest.raises(AssertionError, match="nobody wrote"):
        Record().delivered(b"forged", AUTHOR, 1, 1.0)
