"""Names of members' streams: told apart, bounded, and good as names of streams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnode.signalling.rooms.names import member_stream, track_stream
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
