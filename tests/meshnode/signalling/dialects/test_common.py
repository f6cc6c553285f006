"""Fields of messages: what has a meaning is read, anything else is malformed."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.signalling.dialects.common import (
    _refusal,
    candidate_in,
    description,
    word,
)
from meshnode.signalling.problems import Refused
from meshproto.errors import DecodeError, LimitError

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
INIT = {"candidate": "candidate:1 1 udp 1 ::1 9 typ host", "sdpMid": "0"}


@given(JSON)
def test_anything_is_read_or_malformed(value: Any) -> None:
    for read in (
        lambda: word({"sdp": value}, "sdp"),
        lambda: description(value, "offer"),
        lambda: candidate_in(value),
    ):
        with contextlib.suppress(DecodeError):
            read()


@pytest.mark.parametrize("given_", [INIT, json.dumps(INIT), {**INIT, "more": [1]}])
def test_a_candidate_is_an_object_or_the_text_of_one(given_: Any) -> None:
    assert candidate_in(given_) == INIT


@pytest.mark.parametrize("end", [None, {}, {"candidate": ""}, "null"])
def test_the_end_of_candidates(end: Any) -> None:
    assert candidate_in(end) == {"candidate": ""}


def test_a_description_is_of_its_type() -> None:
    assert description({"type": "offer", "sdp": "v=0"}, "offer") == "v=0"
    with pytest.raises(DecodeError, match="of type 'answer'"):
        description({"type": "offer", "sdp": "v=0"}, "answer")


def test_words_have_a_length() -> None:
    assert word({"peerId": "abc"}, "peerId", 3) == "abc"
    with pytest.raises(DecodeError, match="peerId is longer than 2"):
        word({"peerId": "abc"}, "peerId", 2)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Refused(409, "not now"), 409, "not now"),
        (DecodeError("message-x", "broken"), 400, "broken"),
        (DecodeError("sdp-refused-x", "unfit"), 422, "unfit"),
        (LimitError("things", 3), 503, "things=3"),
        (RuntimeError("a secret"), 500, "its log says more"),
    ],
)
def test_whatever_goes_wrong_has_a_status(
    error: Exception, status: int, said: str
) -> None:
    def hear(_message: Any) -> None:
        raise error

    refused = _refusal(hear, {})
    assert refused is not None
    assert refused.status == status
    assert said in refused.detail
    assert "secret" not in refused.detail
    assert _refusal(lambda _: None, {}) is None
