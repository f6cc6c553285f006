"""A trace in words and in JSON."""

from __future__ import annotations

import json

import pytest

from meshnode.observe.trace import Alternative, Why
from support.mesh_view import trace


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (Alternative("n", Why.DEARER, 0.04, 0.0093), "dearer by 9.3 ms"),
        (
            Alternative("n", Why.MARGIN, 0.03, -0.001),
            "cheaper by 1.0 ms only: not worth a move",
        ),
        (Alternative("n", Why.FULL, 0.03, 0.0, 0), "full: no free slot"),
        (
            Alternative("n", Why.FULL, 0.03, 0.0, 0, above=True),
            "full: no free slot; on the way already",
        ),
    ],
)
def test_reasons_in_words(each: Alternative, words: str) -> None:
    assert each.words == words


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_words(why: Why) -> None:
    assert " " in Alternative("n", why, 1.0, 0.1).words


def test_the_json_is_plain_and_says_that_it_is_partial() -> None:
    told = json.loads(json.dumps(trace().json()))
    assert told["partial"] is True
    assert [hop["measured"] for hop in told["hops"]] == [True, False, False]
    assert told["alternatives"][1]["why"] == "dearer"
    assert told["alternatives"][1]["words"] == "dearer by 9.3 ms"
