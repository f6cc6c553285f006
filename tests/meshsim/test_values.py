"""Tables to values: every mistake gets one sentence with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

import pytest

from meshsim.errors import ScenarioError
from meshsim.values import read


class Colour(Enum):
    RED = "red"
    LIGHT_BLUE = "light blue"


class Size(IntEnum):
    SMALL = 0
    BIG = 1


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    share: float = 0.5


@dataclass(frozen=True, slots=True)
class Whole:
    count: int
    at_s: float = 1.0
    by_s: float = 0.0
    on: bool = False
    colour: Colour = Colour.RED
    size: Size = Size.SMALL
    parts: tuple[Part, ...] = ()
    numbers: tuple[int, ...] = ()
    maybe: float | None = None
    one: Part | None = None

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("count=13 brings bad luck")


def test_a_table_becomes_a_value() -> None:
    table = {
        "count": 3,
        "at_s": 2,
        "by_s": -1.5,
        "on": True,
        "colour": "light blue",
        "size": "big",
        "parts": [{"name": "a"}, {"name": "b", "share": 1}],
        "numbers": [1, 2],
        "maybe": 4,
        "one": {"name": "c"},
    }
    assert read(Whole, table) == Whole(
        3,
        2.0,
        -1.5,
        True,
        Colour.LIGHT_BLUE,
        Size.BIG,
        (Part("a"), Part("b", 1.0)),
        (1, 2),
        4.0,
        Part("c"),
    )


def test_what_is_not_said_has_its_default() -> None:
    assert read(Whole, {"count": 1}) == Whole(1)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"counts": 1}, "counts is unknown; expected count, at_s"),
        ({"count": "3"}, "count='3' is not an integer"),
        ({"count": True}, "count=True is not an integer"),
        ({"count": 1.5}, "count=1.5 is not an integer"),
        ({"at_s": "x"}, "at_s='x' is not a number"),
        ({"at_s": -1.0}, "at_s=-1.0 is negative"),
        ({"at_s": float("nan")}, "at_s=nan is negative or no number"),
        ({"at_s": float("inf")}, "at_s=inf is negative or no number"),
        ({"on": 1}, "on=1 is not true or false"),
        ({"colour": "green"}, "colour='green' is unknown; expected red, light blue"),
        ({"size": 1}, "size=1 is unknown; expected small, big"),
        ({"parts": {}}, "parts={} is not a list"),
        ({"parts": [7]}, r"parts\[0\]=7 is not a table"),
        ({"parts": [{"name": "a"}, {}]}, r"parts\[1\].name is missing"),
        ({"parts": [{"name": 1}]}, r"parts\[0\].name=1 is not a text"),
        (
            {"parts": [{"name": "a", "share": 1.5}]},
            r"parts\[0\].share=1.5 is not a share from 0 to 1",
        ),
        ({"numbers": [1, "a"]}, r"numbers\[1\]='a' is not an integer"),
        ({"count": 13}, "scenario: count=13 brings bad luck"),
    ],
)
def test_a_mistake_gets_one_sentence(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        read(Whole, {"count": 1, **more})


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"top\.count is missing"):
        read(Whole, {}, "top.")
