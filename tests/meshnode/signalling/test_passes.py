"""One-use passes: for one node, one stream, half a minute, and once."""

from __future__ import annotations

import pytest

from meshnode.control.identity import KeyPair, verify
from meshnode.signalling.passes import OCTETS, REMEMBERED_MAX, VALID_S, Passes


class Wall:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def passes(wall: Wall) -> Passes:
    keys = KeyPair.generate()
    return Passes(keys.node, keys.sign, verify, wall)


def test_a_pass_is_good_once(wall: Wall) -> None:
    here, there = passes(wall), passes(wall)
    text = here.issue(there._me, "cam")
    assert there.redeem(text, "cam")
    assert not there.redeem(text, "cam")
    assert there.refused == {"used": 1}


def test_a_pass_is_for_one_node_and_one_stream(wall: Wall) -> None:
    here, there, other = passes(wall), passes(wall), passes(wall)
    text = here.issue(there._me, "cam")
    assert not other.redeem(text, "cam")
    assert not there.redeem(text, "dog")
    assert there.redeem(text, "cam")


def test_a_pass_runs_out(wall: Wall) -> None:
    here, there = passes(wall), passes(wall)
    text = here.issue(there._me, "cam")
    wall.now += VALID_S + 1
    assert not there.redeem(text, "cam")
    assert there.refused == {"expired": 1}


def test_a_pass_from_the_future_is_not_remembered_for_ever(wall: Wall) -> None:
    here, there = passes(wall), passes(wall)
    wall.now += 1000
    text = here.issue(there._me, "cam")
    wall.now -= 1000
    assert not there.redeem(text, "cam")


@pytest.mark.parametrize("text", ["x", "*", "A" * 11, "é", "A" * (OCTETS * 4 // 3 + 1)])
def test_nonsense_is_counted_and_worth_nothing(wall: Wall, text: str) -> None:
    there = passes(wall)
    assert not there.redeem(text, "cam")
    assert sum(there.refused.values()) == 1


def test_a_pass_that_was_changed_is_worth_nothing(wall: Wall) -> None:
    here, there = passes(wall), passes(wall)
    text = here.issue(there._me, "cam")
    changed = ("B" if text[0] == "A" else "A") + text[1:]
    assert not there.redeem(changed, "cam")
    assert there.refused == {"signature": 1}


def test_no_pass_is_no_fault(wall: Wall) -> None:
    there = passes(wall)
    assert not there.redeem("", "cam")
    assert not there.refused


def test_the_memory_of_used_passes_is_bounded_and_forgets(wall: Wall) -> None:
    there = passes(wall)
    here = Passes(there._me, lambda data: bytes(64), lambda *_: True, wall)
    there._verify = lambda *_: True
    for _ in range(REMEMBERED_MAX):
        assert there.redeem(here.issue(there._me, "cam"), "cam")
    assert not there.redeem(here.issue(there._me, "cam"), "cam")
    wall.now += 3 * VALID_S
    assert there.redeem(here.issue(there._me, "cam"), "cam")
    assert len(there._used) == 1
