from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import red


def test_the_primary_block_is_last_and_takes_the_rest() -> None:
    payload = bytes.fromhex("ef0f00036f0102030405")
    assert red.decode(payload) == [(111, 960, b"\1\2\3"), (111, 0, b"\4\5")]


@pytest.mark.parametrize("payload", ["", "ef0f00", "ef000000", "ef0f03846f01"])
def test_blocks_that_are_not_there_are_refused(payload: str) -> None:
    with pytest.raises(DecodeError):
        red.decode(bytes.fromhex(payload))


@given(st.binary(max_size=60))
def test_blocks_never_hold_more_than_the_payload(payload: bytes) -> None:
    try:
        blocks = red.decode(payload)
    except DecodeError:
        return
    headers = 4 * (len(blocks) - 1) + 1
    assert headers + sum(len(data) for *_, data in blocks) == len(payload)
