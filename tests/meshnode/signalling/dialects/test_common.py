"""Fields of messages: what has a meaning is read, anything else is malformed."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode.signalling.dialects.common import (
    _refusal,
    candidate_in,
    description,
    word,
)
from meshnode.signalling.dialects.monoport import _Client
from meshnode.signalling.dialects.peer_to_peer import PeerToPeer
from meshnode.signalling.dialects.peer_to_peer import _Page as _Passed
from meshnode.signalling.dialects.tutorial import Tutorial, _Page
from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError, LimitError
from support.offers import offer

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
INIT = {"candidate": "candidate:1 1 udp 1 ::1 9 typ host", "sdpMid": "0"}


@settings(max_examples=50)
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


def _anything(chance: random.Random, depth: int = 2) -> Any:
    leaves: list[Any] = [None, True, -1, 0, 2**70, 1.5, "", "x", "v=0\r\n", "{}", "["]
    if depth and chance.random() < 0.4:
        inner = [_anything(chance, depth - 1) for _ in range(chance.randrange(3))]
        names = ("type", "sdp", "candidate", "sdpMid")
        return inner if chance.random() < 0.5 else dict(zip(names, inner, strict=False))
    return chance.choice(leaves)


def _messages(chance: random.Random, count: int) -> Any:
    """Messages in any order, some of them right."""
    kinds = ["join-room", "offer", "answer", "ice-candidate", "sender", "receiver"]
    kinds += ["createOffer", "createAnswer", "iceCandidate", "unheard-of", 7, None]
    text = offer(chance.choice(["sendonly", "sendrecv", "recvonly"]))
    described = [{"type": kind, "sdp": text} for kind in ("offer", "answer")]
    for _ in range(count):
        values = [text, *described, INIT, json.dumps(INIT), _anything(chance)]
        yield {
            "type": chance.choice(kinds),
            "peerId": chance.choice(["one", "one", "two", _anything(chance)]),
            "sdp": chance.choice(values),
            "candidate": chance.choice(values),
        }


async def test_no_order_of_messages_is_a_failure_of_ours(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    node = client.node
    http = node._http
    house, request = http._house(http._public), make_mocked_request("GET", "/")
    caller = Caller("127.0.0.1", here=True, local=True)
    lobby, other = http._lobby("monoport"), http._lobby("tutorial")
    pair, tutorial = PeerToPeer(house, None), Tutorial(house, other)  # type: ignore[arg-type]
    statuses = set()
    for seed in range(20):
        speakers: list[Any] = [
            *(_Client(house, lobby, request, caller) for _ in range(2)),
            *(_Page(tutorial, request, caller) for _ in range(2)),
            *(_Passed(pair) for _ in range(2)),
        ]
        chance = random.Random(seed)
        for message in _messages(chance, 200):
            refused = _refusal(chance.choice(speakers).hear, message)
            statuses.add(200 if refused is None else refused.status)
        assert 500 not in statuses, caplog.text
        for speaker in speakers[:4]:
            speaker.close()
        for page in speakers[4:]:
            pair.left(page)
    assert {200, 400, 403, 409} <= statuses
    assert len(lobby) == len(other) == 0
    gauges = node.status().gauges
    assert gauges["transports"] == gauges["producers"] == gauges["consumers"] == 0
    assert len(node._parts.streams.directory) == 0
