"""Digests that come in, and the tables that follow (RFC 0010 section 7)."""

from __future__ import annotations

from itertools import pairwise

from meshproto.routing.digest import DIGEST_OCTETS, digest_of_told
from meshproto.routing.events import TableMismatch
from meshproto.routing.table import Entry
from meshproto.wire.control.routing import TableDigest, TableRequest, Update
from support.routing import EPOCH, Bench, digests, node, offer

OTHER = TableDigest(b"\xff" * DIGEST_OCTETS)


def bench(**config: int) -> Bench:
    made = Bench(**config)
    made.up("a", "b")
    made.hear("a", 100, origin="o1")
    made.hear("a", 100, origin="o2", offers=(offer(),))
    made.advance(1.0)
    made.sent()
    return made


def digest_of(*updates: Update) -> TableDigest:
    entries = {}
    for update in updates:
        entry = entries[update.origin] = Entry(update.origin)
        entry.told[node("me")] = update
    return TableDigest(digest_of_told(entries, node("me")))


SAME = digest_of(
    Update(node("o1"), EPOCH, 1, 100, 1, ()),
    Update(node("o2"), EPOCH, 1, 100, 1, (offer(),)),
)


def test_a_digest_that_agrees_has_no_consequence() -> None:
    made = bench()
    made.feed("a", SAME)
    assert made.sent() == []


def test_a_mismatch_asks_for_the_whole_table() -> None:
    made = bench()
    made.feed("a", OTHER)
    assert made.sent(to="a") == [TableRequest()]
    assert made.events[-1] == TableMismatch(node("a"))


def test_routes_stay_in_use_until_the_table_has_come() -> None:
    made = bench()
    made.feed("a", OTHER)
    assert set(made.router.origins()) == {node("o1"), node("o2")}


def test_rows_that_a_new_table_does_not_mention_are_gone_with_its_digest() -> None:
    made = bench()
    made.feed("a", OTHER)
    made.hear("a", 100, origin="o1")
    assert len(made.router.origins()) == 2
    made.feed("a", digest_of(Update(node("o1"), EPOCH, 1, 100, 1, ())))
    assert made.router.origins() == [node("o1")]


def test_mismatches_ask_again_only_after_growing_pauses() -> None:
    made = bench()
    asked = []
    for _ in range(600):
        made.feed("a", OTHER)
        if made.sent(TableRequest):
            asked.append(made.now)
        made.advance(1.0)
    pauses = [b - a for a, b in pairwise(asked)]
    assert pauses == [30.0, 60.0, 120.0, 240.0]


def test_agreement_makes_the_next_mismatch_count_at_once() -> None:
    made = bench()
    made.feed("a", OTHER)
    made.hear("a", 100, origin="o1")
    made.hear("a", 100, origin="o2", offers=(offer(),))
    made.feed("a", SAME)
    made.advance(31.0)
    made.sent()
    made.feed("a", OTHER)
    assert made.sent(TableRequest) == [TableRequest()]


def test_a_full_table_does_not_ask_for_what_it_cannot_hold() -> None:
    made = bench(origins_max=2)
    made.hear("a", 100, origin="o3")
    made.feed("a", OTHER)
    assert made.sent() == []
    made.retract("a", origin="o2")
    made.feed("a", OTHER)
    assert made.sent(TableRequest) == [TableRequest()]


def test_a_table_that_was_asked_for_is_told_whole_signed_and_closed_by_a_digest() -> (
    None
):
    made = bench()
    made.feed("b", TableRequest())
    first, second, third = made.sent(to="b")
    assert [first.origin, second.origin] == [node("o1"), node("o2")]
    assert first.signature
    assert second.signature
    assert isinstance(third, TableDigest)


def test_the_digest_of_a_large_table_comes_after_its_last_portion() -> None:
    made = Bench(table_updates=10)
    made.up("a", "b")
    for number in range(25):
        made.hear("a", 100, origin=f"{number:03d}")
    made.advance(1.0)
    made.sent()
    made.feed("b", TableRequest())
    made.advance(1.0)
    records = made.sent(to="b")
    assert len(records) == 26
    assert len(digests(records[-1:])) == 1


def test_a_flood_of_table_requests_is_answered_once_in_a_while() -> None:
    made = bench()
    for _ in range(50):
        made.feed("b", TableRequest())
    assert len(made.sent(Update, "b")) == 2
    made.advance(16.0)
    made.feed("b", TableRequest())
    assert len(made.sent(Update, "b")) == 2


def test_two_routers_that_disagree_are_of_one_mind_after_one_exchange() -> None:
    made = bench()
    entry = made.router._tables.entries[node("o1")]
    del entry.told[node("b")]  # as if the update had got lost
    made.call("offer", node("o2"), (offer(slots=9),))
    made.advance(60.0)
    records = made.sent(to="b")
    assert len(digests(records)) == 1
    made.feed("b", TableRequest())
    told = {update.origin for update in made.sent(Update, "b")}
    assert told == {node("o1"), node("o2")}
