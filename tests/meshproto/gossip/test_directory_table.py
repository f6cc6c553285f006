"""The table of streams and its sums."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from meshproto.config.directory import DirectoryConfig
from meshproto.gossip.directory_table import Entry, Table, media_of
from meshproto.ids import StreamId
from meshproto.wire.control.directory import Media, Notice, parse_body, rank
from support.directory import AUDIO, VIDEO, claim, notice
from support.gossip import node_id


def entry(made: Notice, expires_at: float = 900.0) -> Entry:
    body = parse_body(made.body)
    return Entry(body, made, rank(body, made.body), expires_at)


def table(**options: int) -> Table:
    return Table(DirectoryConfig(**options))


def put(
    into: Table,
    name: str,
    version: int = 1,
    media: Media | None = AUDIO,
    origin: int = 1,
) -> StreamId:
    held = claim(name, origin)
    into.put(held.stream, entry(notice(held, version, media)))
    return held.stream


def test_a_stream_is_found_by_id_and_by_name() -> None:
    held = table()
    stream = put(held, "room")
    found = held.live(stream)
    assert found is not None
    assert found.claim.name == "room"
    assert held.named("room") == [stream]
    assert held.named("other") == []
    assert media_of(found) == AUDIO
    assert "room" in repr(found)


def test_an_ended_stream_is_held_but_not_found() -> None:
    held = table()
    stream = put(held, "room", 2, None)
    assert held.live(stream) is None
    assert held.named("room") == []
    ended = held.get(stream)
    assert ended is not None
    assert media_of(ended) is None
    assert len(held) == 1


def test_two_claims_of_one_name_are_two_streams() -> None:
    held = table()
    one = put(held, "room")
    other = claim("room", 2, key=b"q" * 32)
    held.put(other.stream, entry(notice(other)))
    assert held.named("room") == [one, other.stream]


def test_what_is_removed_leaves_no_trace() -> None:
    held = table(streams_per_origin_max=1)
    stream = put(held, "room")
    assert held.full(claim("x").stream, node_id(1)) == ("streams_per_origin_max", 1)
    assert held.remove(stream) is not None
    assert held.remove(stream) is None
    assert held.full(claim("x").stream, node_id(1)) is None
    assert held.octets == 0
    assert held.sums(256) == bytes(2_048)
    assert held.bucket(0, 1) == []
    assert held.named("room") == []


def test_octets_are_those_of_what_is_held() -> None:
    held = table(envelope_octets=100)
    stream = put(held, "room", 1, VIDEO)
    put(held, "room", 2, None)
    found = held.get(stream)
    assert found is not None
    assert held.octets == found.octets + 100


def test_a_full_table_takes_only_what_it_holds_already() -> None:
    held = table(streams_max=2)
    put(held, "a")
    stream = put(held, "b")
    assert held.full(claim("c").stream, node_id(1)) == ("streams_max", 2)
    assert held.full(stream, node_id(1)) is None


def test_a_node_that_has_as_many_as_it_may_cannot_take_over_another() -> None:
    held = table(streams_per_origin_max=1)
    put(held, "a", origin=1)
    stream = put(held, "b", origin=2)
    assert held.full(stream, node_id(1)) == ("streams_per_origin_max", 1)
    assert held.full(stream, node_id(2)) is None


def test_buckets_become_finer_with_the_number_of_streams() -> None:
    held = table()
    assert held.fineness() == 1
    for number in range(9):
        put(held, f"s{number}")
    assert held.fineness() == 2
    for number in range(9, 100):
        put(held, f"s{number}")
    assert held.fineness() == 16


@given(st.integers(0, 2**32), st.sampled_from([1, 4, 256]))
def test_every_stream_is_in_one_bucket_whose_sum_it_changes(
    seed: int, buckets: int
) -> None:
    held = table()
    streams = [put(held, f"s{seed}-{number}") for number in range(20)]
    found = [held.bucket(number, buckets) for number in range(buckets)]
    assert sorted(s for part in found for s in part) == sorted(streams)
    before = held.sums(buckets)
    victim = random.Random(seed).choice(streams)
    held.remove(victim)
    after = held.sums(buckets)
    changed = [n for n in range(buckets) if before[8 * n :][:8] != after[8 * n :][:8]]
    assert changed == [next(n for n in range(buckets) if victim in found[n])]


@given(st.permutations(range(8)))
def test_sums_do_not_depend_on_the_order(numbers: list[int]) -> None:
    one, other = table(), table()
    for number in range(8):
        put(one, f"s{number}")
    for number in numbers:
        put(other, f"s{number}", 0)
        put(other, f"s{number}", 1)
    assert one.sums(256) == other.sums(256)
    assert len(one.sums(1)) == 8
