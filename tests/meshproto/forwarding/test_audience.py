"""Who listens to a layer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from meshproto.forwarding.audience import Audience
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.profile import Profile


def listener(number: int) -> Consumer:
    return cast(Consumer, SimpleNamespace(id=number))


def profile() -> Profile:
    return Profile(((), ()), ((), ()), "")


def test_live_listeners_are_grouped_by_profile_in_order_of_joining() -> None:
    audience, one, other = Audience(), profile(), profile()
    people = [listener(number) for number in range(4)]
    for number, each in enumerate(people):
        audience.chasing[each.id] = each
        audience.join_live(each, one if number % 2 else other)
    assert [list(group) for group in audience.live.values()] == [[0, 2], [1, 3]]
    assert audience.chasing == {}
    assert len(audience) == 4


def test_a_group_ends_with_its_last_listener() -> None:
    audience, one = Audience(), profile()
    first, second = listener(1), listener(2)
    audience.join_live(first, one)
    audience.join_live(second, one)
    audience.leave(first, one)
    audience.leave(first, one)
    assert list(audience.live) == [one]
    audience.leave(second, one)
    assert audience.live == {}


def test_followers_are_those_who_get_packets() -> None:
    audience = Audience()
    live, behind, patient = listener(1), listener(2), listener(3)
    audience.join_live(live, profile())
    audience.chasing[behind.id] = behind
    audience.waiting[patient.id] = patient
    assert audience.followers() == [live, behind]
    assert len(audience) == 3
