"""RFC 8966's tables, as far as they are ours (RFC 0010 section 5).

Two kinds are adapted.  A `k_out_of_j` hello history does not exist here: liveness and
loss are measured by the link (RFC 0005), and routing sees a round trip, a loss rate and
one suspicion; these entries are counted as not ours.  ETX is our `expected_sends` times
the cost of a perfect link, with both directions in one figure, because a check measures
the way there and back.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshproto.ids import NodeId
from meshproto.routing.cost import expected_sends
from meshproto.routing.distance import (
    INFINITY,
    Distance,
    Version,
    added,
    feasible,
    lowered,
)
from meshproto.routing.own import Own
from meshproto.routing.requests import Verdict, judge
from meshproto.routing.selection import select
from meshproto.routing.table import Heard
from meshproto.seqno import newer
from support.vectors import entries, failure, kinds, twisted

TABLES = "../routing/tables.json"
NOT_OURS = {"babel.k_out_of_j"}
EPOCH = 1
PERFECT_LINK = 256

Table = list[int] | None


def version(seqno: int) -> Version:
    return (EPOCH, seqno)


def distance(entry: Table) -> Distance | None:
    return None if entry is None else Distance(version(entry[0]), entry[1])


def is_feasible(source_table: Table, update: list[int]) -> bool:
    return feasible(distance(source_table), version(update[0]), update[1])


def etx(alpha: float, beta: float) -> int:
    return int(min(PERFECT_LINK * expected_sends(alpha * beta), INFINITY))


def selected(routes: list[dict[str, Any]]) -> str | None:
    """What "expired" means to RFC 8966 is a link that is down here: its row is gone."""
    rows, current = [], None
    for route in routes:
        if route["expired"]:
            continue
        row = Heard(NodeId(b"origin"), NodeId(route["neighbour"].encode()))
        row.metric, row.version = route["metric"], version(5)
        row.refmetric = 1 if route["feasible"] else 50
        rows.append(row)
        if route.get("current"):
            current = row
    best = select(rows, current, Distance(version(5), 10), 0.1, 50)
    return None if best is None else best.neighbour.decode()


def source_update(entry: Table, advertised: list[int]) -> list[int] | None:
    after = lowered(distance(entry), version(advertised[0]), advertised[1])
    return None if after is None else [after.version[1], after.metric]


def seqno_request(role: str, requested: int, hop_count: int, **held: Any) -> object:
    if role == "origin":
        own = Own(NodeId(b"origin"), EPOCH, lambda data: b"signed", 1.0)
        own.begin(0.0)
        own.route.version = version(held["own_seqno"])
        if own.behind(version(requested)):
            own.raise_number(0.0)
        return {"own_seqno": own.route.version[1], "answer": True, "forward": False}
    seqno = held["route_seqno"]
    route = None if seqno is None else version(seqno)
    verdict = judge(route, version(requested), hop_count)
    # without any route there is no neighbour to pass the request to
    forward = verdict is Verdict.FORWARD and route is not None
    answer = {"answer": verdict is Verdict.ANSWER, "forward": forward}
    return {**answer, "hop_count": hop_count - 1} if forward else answer


ADAPTERS: dict[str, Any] = {
    "babel.feasible": is_feasible,
    "babel.metric": added,
    "babel.etx": etx,
    "babel.seqno_newer": newer,
    "babel.select": selected,
    "babel.source_update": source_update,
    "babel.seqno_request": seqno_request,
}


@pytest.mark.parametrize("entry", list(entries(TABLES, ADAPTERS)))
def test_an_entry_of_the_public_tables(entry: dict[str, Any]) -> None:
    assert failure(entry, ADAPTERS) == ""


@pytest.mark.parametrize("entry", list(entries(TABLES, ADAPTERS)))
def test_a_twisted_entry_fails(entry: dict[str, Any]) -> None:
    assert failure(twisted(entry), ADAPTERS) != ""


def test_every_kind_is_taken_or_named_as_not_ours() -> None:
    assert kinds(TABLES) == ADAPTERS.keys() | NOT_OURS
