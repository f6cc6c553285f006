"""What a node has to give, now and when it has its breath again."""

from __future__ import annotations

from meshproto.node import Ability


def test_what_is_given_now_lasts_unless_something_else_is_said() -> None:
    assert Ability((), copies=2).lasting_copies == 2
    assert Ability((), copies=2, usual_copies=8).lasting_copies == 8
    assert Ability((), copies=2, usual_copies=0).lasting_copies == 0
