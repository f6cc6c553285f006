"""Eight octets over a table (RFC 0010 section 7)."""

from __future__ import annotations

from meshproto.routing.digest import digest_of_heard, digest_of_told, row_hash
from meshproto.routing.table import Entry, Heard
from meshproto.wire.control.routing import Update
from support.routing import EPOCH, node, offer, seal

A, O, P = node("a"), node("o"), node("p")  # noqa: E741


def told(*updates: Update) -> bytes:
    entries = {}
    for update in updates:
        entry = entries[update.origin] = Entry(update.origin)
        entry.told[A] = update
    return digest_of_told(entries, A)


def heard(*updates: Update) -> bytes:
    rows = {}
    for update in updates:
        row = rows[update.origin] = Heard(update.origin, A)
        row.version = (update.epoch, update.seqno)
        row.refmetric, row.hops = update.refmetric, update.hops + 1
        row.offers = update.offers
    return digest_of_heard(rows)


FIRST = Update(O, EPOCH, 3, 120, 2, (offer(),))
SECOND = Update(P, EPOCH, 9, 340, 4, ())


def test_an_empty_table_has_the_digest_zero() -> None:
    assert told() == heard() == bytes(8)


def test_what_was_told_and_what_was_heard_have_one_digest() -> None:
    assert told(FIRST, SECOND) == heard(FIRST, SECOND) != bytes(8)


def test_the_order_of_rows_does_not_matter() -> None:
    assert told(FIRST, SECOND) == told(SECOND, FIRST)


def test_every_field_but_the_signature_counts() -> None:
    others = [
        Update(P, EPOCH, 3, 120, 2, (offer(),)),
        Update(O, EPOCH + 1, 3, 120, 2, (offer(),)),
        Update(O, EPOCH, 4, 120, 2, (offer(),)),
        Update(O, EPOCH, 3, 121, 2, (offer(),)),
        Update(O, EPOCH, 3, 120, 3, (offer(),)),
        Update(O, EPOCH, 3, 120, 2, (offer(slots=3),)),
        Update(O, EPOCH, 3, 120, 2, ()),
    ]
    assert len({told(update) for update in [FIRST, *others]}) == len(others) + 1
    signed = Update(O, EPOCH, 3, 120, 2, (offer(),), seal(O, EPOCH, 3))
    assert told(signed) == told(FIRST)


def test_only_what_this_neighbour_was_told_counts() -> None:
    entry = Entry(O)
    entry.told[node("b")] = FIRST
    assert digest_of_told({O: entry}, A) == bytes(8)


def test_delays_are_compared_as_they_are_on_the_wire() -> None:
    exact = row_hash([O, EPOCH, 3, 120, 2], (offer(delay_s=0.05),))
    rounded = row_hash([O, EPOCH, 3, 120, 2], (offer(delay_s=0.050001),))
    assert exact == rounded
