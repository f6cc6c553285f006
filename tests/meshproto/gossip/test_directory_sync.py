"""Two neighbours compare their tables (RFC 0009 section 6)."""

from __future__ import annotations

from dataclasses import replace

from meshproto.gossip.directory import Directory
from meshproto.ids import StreamId
from meshproto.wire.control.directory import (
    Bucket,
    Digest,
    Held,
    Known,
    Notices,
    Summary,
    WantNotices,
    parse_body,
    rank,
)
from support.directory import Alone, claim, notice
from support.gossip import node_id

A, B = node_id(1), node_id(2)


def up(alone: Alone, *, outbound: bool = False, node: bytes = A) -> None:
    alone.directory.neighbour_up(node, outbound, alone.now)  # type: ignore[arg-type]
    alone.drain()


def talk(one: Alone, other: Alone) -> int:
    """Carry records between two until both are quiet; how many there were."""
    carried = 0
    while one.sent or other.sent:
        for source, to, node in ((one, other, A), (other, one, B)):
            sent, source.sent = source.sent, []
            for _, record in sent:
                to.receive(node, record)
                carried += 1
    return carried


def pair(**options: float) -> tuple[Alone, Alone]:
    return Alone(**options), Alone(seed=2, **options)


def meet(one: Alone, other: Alone) -> int:
    one.directory.neighbour_up(B, True, one.now)
    other.directory.neighbour_up(A, False, other.now)
    one.drain()
    return talk(one, other)


def fill(alone: Alone, numbers: range, version: int = 1) -> None:
    for number in numbers:
        alone.hear(notice(claim(f"s{number}", number), version), author=number)


def equal(one: Directory, other: Directory) -> bool:
    return one.digest() == other.digest()


def test_the_end_that_dialled_begins() -> None:
    alone = Alone()
    up(alone)
    assert alone.sent == []
    up(alone, outbound=True, node=B)
    assert alone.sent == [(B, Digest(1, bytes(8)))]


def test_equal_tables_cost_one_record() -> None:
    one, other = pair()
    for each in (one, other):
        fill(each, range(1, 40))
    assert meet(one, other) == 1


def test_a_newcomer_learns_everything() -> None:
    one, other = pair()
    fill(other, range(1, 60))
    meet(one, other)
    assert len(one.directory.streams()) == 59
    assert equal(one.directory, other.directory)


def test_both_learn_what_the_other_has() -> None:
    one, other = pair()
    fill(one, range(1, 30))
    fill(other, range(20, 60))
    fill(other, range(1, 5), version=2)
    fill(one, range(40, 45), version=3)
    meet(one, other)
    assert equal(one.directory, other.directory)
    assert len(one.directory.streams()) == 59


def test_only_what_differs_travels() -> None:
    one, other = pair()
    for each in (one, other):
        fill(each, range(1, 200))
    fill(other, range(50, 51), version=2)
    one.directory.neighbour_up(B, True, one.now)
    other.directory.neighbour_up(A, False, other.now)
    one.drain()
    other.receive(A, one.sent.pop()[1])
    ((_, summary),) = other.sent
    assert isinstance(summary, Summary)
    assert sum(len(bucket.known) for bucket in summary.differing) < 30
    other.sent.clear()
    one.receive(B, summary)
    ((_, want),) = one.sent
    assert want == WantNotices((claim("s50", 50).stream,))


def test_an_end_travels_too_and_beats_the_stream() -> None:
    one, other = pair()
    fill(one, range(1, 5))
    other.hear(notice(claim("s3", 3), 2, None), author=3)
    meet(one, other)
    assert len(one.directory.streams()) == 3
    assert equal(one.directory, other.directory)


def test_what_is_left_of_a_lifetime_only_shrinks() -> None:
    one, other = pair()
    other.hear(notice(claim(), lifetime_s=1_000))
    other.pass_time(400.0)
    meet(one, other)
    entry = one.directory.entry(claim().stream)
    assert entry is not None
    assert entry.expires_at - one.now == 600.0


def test_what_is_about_to_expire_is_not_told_on() -> None:
    one, other = pair()
    other.hear(notice(claim(), lifetime_s=1_000))
    other.pass_time(950.0)
    meet(one, other)
    assert one.directory.streams() == []


def test_once_a_minute_one_neighbour_is_asked() -> None:
    alone = Alone()
    for number in range(1, 4):
        up(alone, node=node_id(number))
    alone.pass_time(1_800.0)
    assert 26 <= len(alone.sent) <= 35
    assert len({node for node, _ in alone.sent}) == 3


def test_without_neighbours_nothing_is_waited_for() -> None:
    alone = Alone()
    up(alone)
    assert alone.directory.next_timeout() is not None
    alone.directory.neighbour_down(A, alone.now)
    alone.directory.neighbour_down(B, alone.now)
    assert alone.directory.next_timeout() is None


def next_digest_s(learned: int) -> float:
    """How long after learning so much at once the next comparison is."""
    alone = Alone()
    up(alone)
    held = [Held(500, notice(claim(f"s{number}", number))) for number in range(learned)]
    alone.receive(A, Notices(tuple(held)))
    began = alone.now
    while not alone.sent:
        alone.pass_time(0.5)
    return alone.now - began


def test_who_learned_much_looks_again_soon() -> None:
    assert next_digest_s(8) <= 3.5
    assert next_digest_s(1) <= 23.0


def test_strangers_have_no_effect() -> None:
    alone = Alone()
    alone.receive(A, Digest(1, b"12345678"))
    assert alone.sent == []
    assert alone.refusals() == ["directory-stranger"]


def test_a_digest_of_the_wrong_size_is_refused() -> None:
    alone = Alone()
    up(alone)
    alone.receive(A, Digest(2, bytes(8)))
    assert alone.refusals() == ["directory-digest"]


def test_a_bucket_that_cannot_be_is_refused() -> None:
    alone = Alone()
    up(alone)
    alone.receive(A, Summary(1, (Bucket(1, True, ()),)))
    assert alone.refusals() == ["directory-bucket"]


def test_a_wanted_stream_is_asked_of_one_neighbour_at_a_time() -> None:
    alone = Alone()
    up(alone)
    up(alone, node=B)
    made = notice(claim())
    order = rank(parse_body(made.body), made.body)
    told = Summary(1, (Bucket(0, True, (Known(claim().stream, order),)),))
    alone.receive(A, told)
    alone.receive(B, told)
    assert [node for node, _ in alone.sent] == [A]
    alone.pass_time(5.1)
    alone.receive(B, told)
    assert [node for node, _ in alone.sent if node == B] == [B]


def test_a_bucket_that_is_not_whole_is_no_reason_to_send_the_rest() -> None:
    alone = Alone()
    fill(alone, range(1, 4))
    up(alone)
    alone.receive(A, Summary(1, (Bucket(0, False, ()),)))
    assert alone.sent == []
    alone.receive(A, Summary(1, (Bucket(0, True, ()),)))
    ((_, told),) = alone.sent
    assert isinstance(told, Notices)
    assert len(told.held) == 3


def test_a_crowded_bucket_is_told_in_part() -> None:
    one, other = pair(summary_entries_max=10)
    fill(other, range(1, 60))
    up(other)
    other.receive(A, Digest(1, bytes(8)))
    ((_, summary),) = other.sent
    assert isinstance(summary, Summary)
    assert 0 < sum(len(bucket.known) for bucket in summary.differing) <= 10
    rounds = 0
    other.sent.clear()
    while not equal(one.directory, other.directory):
        meet(one, other)
        one.pass_time(6.0)
        other.pass_time(6.0)
        one.sent.clear()
        other.sent.clear()
        rounds += 1
        assert rounds < 40
    assert rounds > 3


def test_a_neighbour_makes_us_send_so_much_and_no_more() -> None:
    alone = Alone(sync_octets_burst=2_000.0, sync_octets_per_s=100.0)
    fill(alone, range(1, 60))
    up(alone)
    streams: tuple[StreamId, ...] = tuple(alone.directory.streams())
    for _ in range(5):
        alone.receive(A, WantNotices(streams))
    given = sum(
        len(held.notice.body) + len(held.notice.signature)
        for _, record in alone.sent
        if isinstance(record, Notices)
        for held in record.held
    )
    assert 1_000 < given <= 2_000


def test_a_neighbour_makes_us_verify_so_much_and_no_more() -> None:
    alone = Alone(heard_octets_burst=1_000.0)
    up(alone)
    held = tuple(
        Held(500, notice(claim(f"s{number}", number))) for number in range(1, 20)
    )
    alone.receive(A, Notices(held))
    assert 0 < len(alone.directory.streams()) < 8
    assert alone.refusals() == ["directory-sync-flood"]


def test_who_brings_forgeries_is_listened_to_no_longer() -> None:
    alone = Alone()
    up(alone)
    forged = replace(notice(claim()), signature=b"forged")
    alone.receive(A, Notices((Held(500, forged),) * 20))
    assert alone.refusals() == ["directory-signature"] * 9
    alone.receive(A, Notices((Held(500, notice(claim())),)))
    assert alone.directory.streams() == []
    up(alone, node=B)
    alone.receive(B, Notices((Held(500, notice(claim())),)))
    assert len(alone.directory.streams()) == 1


def test_notices_are_cut_into_records_that_a_lane_takes() -> None:
    alone = Alone()
    fill(alone, range(1, 120))
    up(alone)
    alone.receive(A, WantNotices(tuple(alone.directory.streams())))
    records = [record for _, record in alone.sent if isinstance(record, Notices)]
    assert sum(len(record.held) for record in records) == 119
    assert all(len(record.held) <= 32 for record in records)
