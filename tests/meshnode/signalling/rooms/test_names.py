"""Names of members' streams: told apart, bounded, and good as names of streams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnode.signalling.rooms.names import (
    about,
    member_stream,
    track_stream,
    who_of,
)
from meshnode.signalling.rooms.values import Who
from meshnode.signalling.stream import stream_name

ids = st.text("abcXYZ019_.-", min_size=1, max_size=128)


@given(ids, ids)
def test_they_are_names_of_streams(room: str, user: str) -> None:
    for name in (member_stream(room, user), track_stream(room, user, "v12")):
        assert stream_name(name) == name


@given(ids, ids, ids, ids)
def test_two_members_never_share_one(a: str, b: str, c: str, d: str) -> None:
    if (a, b) != (c, d):
        assert member_stream(a, b) != member_stream(c, d)
        assert track_stream(a, b, "v0") != track_stream(c, d, "v0")
        assert track_stream(a, b, "v0") != member_stream(c, d)


def test_what_is_told_of_a_stream_says_whose_it_is() -> None:
    told = about("green", "ann", "f00d", name="Ann", label="v0")
    assert who_of(told) == Who("green", "ann", "f00d", "Ann")


@given(
    st.dictionaries(
        st.sampled_from(["room", "user", "peer", "name", "label"]), st.text(max_size=9)
    )
)
def test_whatever_is_told_is_a_member_or_nobody(told: dict[str, str]) -> None:
    who = who_of(told)
    if who is not None:
        assert stream_name(member_stream(who.room, who.user))
        assert who.name.isprintable()


def test_what_is_not_well_formed_is_nobodys() -> None:
    good = {"room": "green", "user": "ann", "peer": "f00d"}
    assert who_of(good)
    for key, value in (
        ("room", "a/b"),
        ("user", ""),
        ("peer", ""),
        ("peer", "x" * 65),
        ("name", "\n"),
        ("label", "x0"),
    ):
        assert who_of({**good, key: value}) is None, key
