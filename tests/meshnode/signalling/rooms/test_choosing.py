"""Which tracks of the others a member is to get."""

from __future__ import annotations

from dataclasses import dataclass

from meshnode.signalling.rooms.choosing import Entry, chosen
from meshnode.signalling.rooms.values import Shown, SlotCounts, Wanted, Who
from meshproto.ids import StreamName


@dataclass(frozen=True)
class Place:
    """As much of a seat as matters here."""

    who: Who
    wanted: Wanted


def tracks(*users: str) -> list[Entry]:
    return [
        (StreamName(f"green~{user}~{label}"), who_of(user), Shown(label, kind))
        for user in users
        for label, kind in (("a0", "audio"), ("v0", "video"))
    ]


def who_of(user: str) -> Who:
    return Who("green", user, f"p-{user}")


def got(wanted: Wanted, order: str = "", voices: str = "") -> list[str]:
    found = chosen(
        Place(who_of("me"), wanted),
        tracks("me", "ann", "ben", "cat", "dan"),
        [f"p-{user}" for user in order.split()],
        [f"p-{user}" for user in voices.split()],
    )
    return [name.removeprefix("green~") for name, _, _ in found]


def test_everything_of_the_others() -> None:
    assert len(got(Wanted())) == 8
    assert not [name for name in got(Wanted()) if name.startswith("me")]


def test_the_last_n_pictures_and_every_sound() -> None:
    found = got(Wanted(last_n=2), "dan ben")
    assert [n for n in found if n.endswith("v0")] == ["ben~v0", "dan~v0"]
    assert len([n for n in found if n.endswith("a0")]) == 4


def test_slots_take_the_loudest_and_who_spoke_last() -> None:
    found = got(Wanted(slots=SlotCounts(2, 1)), "dan ben", "cat me ann ben")
    assert found == ["ann~a0", "cat~a0", "dan~v0"]


def test_who_never_spoke_keeps_the_order_of_the_room() -> None:
    assert got(Wanted(slots=SlotCounts(1, 2))) == ["ann~a0", "ann~v0", "ben~v0"]


def test_what_is_not_wanted_takes_no_slot() -> None:
    wanted = Wanted(without=frozenset({"p-cat", "p-dan-v0"}), slots=SlotCounts(1, 1))
    assert got(wanted, "dan cat ben", "cat ben") == ["ben~a0", "ben~v0"]
