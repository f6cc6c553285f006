"""The rows of a router."""

from __future__ import annotations

import random

from meshproto.config.routing import RoutingConfig
from meshproto.ids import NodeId
from meshproto.outputs import Outbox
from meshproto.routing.distance import INFINITY
from meshproto.routing.table import (
    PROOFS_KEPT,
    Asking,
    Entry,
    Heard,
    Neighbour,
    Tables,
    Wait,
)

A, O = NodeId(b"neighbour"), NodeId(b"origin..")  # noqa: E741


def test_a_new_row_is_no_route() -> None:
    heard = Heard(O, A)
    assert (heard.metric, heard.refmetric) == (INFINITY, INFINITY)
    assert heard.offers == ()


def test_an_entry_is_idle_until_something_stands_in_it() -> None:
    entry = Entry(O)
    assert entry.idle()
    entry.heard[A] = Heard(O, A)
    assert not entry.idle()
    entry.heard.clear()
    entry.wanted = True
    assert not entry.idle()


def test_an_entry_has_told_nothing_at_first() -> None:
    entry = Entry(O)
    assert entry.shown_metric == INFINITY
    assert entry.distance is None
    assert entry.selected is None


def test_an_entry_keeps_the_latest_signatures_and_the_newest_apart() -> None:
    entry = Entry(O)
    for seqno in (9, *range(1, PROOFS_KEPT + 1)):
        entry.prove((1, seqno), bytes([seqno]))
    assert entry.proof == ((1, 9), b"\x09")
    assert list(entry.proofs) == [(1, n) for n in range(1, PROOFS_KEPT + 1)]
    entry.prove((1, 1), b"other")
    assert entry.proofs[1, 1] == b"\x01"


def test_a_neighbour_begins_with_empty_rows() -> None:
    neighbour = Neighbour(A, 100)
    assert neighbour.cost == 100
    assert not neighbour.heard
    assert neighbour.stale is None


def test_a_request_begins_with_no_try() -> None:
    asking = Asking(starving=True)
    assert (asking.tries, asking.starving) == (0, True)


def test_floors_are_kept_in_ticks() -> None:
    tables = Tables(A, RoutingConfig(), Outbox(), random.Random(1))
    assert tables.update_floor == tables.switch_floor == 50
    assert tables.relaying


def test_deadlines_of_a_table_are_told_apart_by_kind_and_node() -> None:
    tables = Tables(A, RoutingConfig(), Outbox(), random.Random(1))
    tables.timers.set((Wait.REQUEST, O), 2.0)
    tables.timers.set((Wait.FORGET, O), 1.0)
    assert list(tables.timers.due(1.5)) == [(Wait.FORGET, O)]
    assert tables.timers.next() == 2.0
