"""Claims are worth four copies until delivery proves more; blame is one's own."""

from __future__ import annotations

from meshproto.config.overlay import OverlayConfig
from meshproto.overlay.capacity import Capacity, Evidence
from support.overlay_parts import node, record


def made(**config: int) -> Capacity:
    return Capacity(OverlayConfig(**config))


def deliver(capacity: Capacity, index: int, since: float, until: float) -> None:
    now = since
    while now <= until:
        capacity.evidence(node(index), Evidence.DELIVERED, now)
        now += 2.0


def test_an_unmeasured_claim_counts_as_four_copies() -> None:
    capacity = made()
    assert capacity.copies(record(1, copies=64)) == 4
    assert capacity.copies(record(2, copies=2)) == 2
    assert capacity.capable(record(1, copies=64))
    assert not capacity.capable(record(2, copies=3))


def test_ten_seconds_of_delivery_double_the_grant() -> None:
    capacity = made()
    deliver(capacity, 1, 0.0, 8.0)
    assert capacity.copies(record(1, copies=64)) == 4
    deliver(capacity, 1, 10.0, 10.0)
    assert capacity.copies(record(1, copies=64)) == 8
    deliver(capacity, 1, 12.0, 20.0)
    assert capacity.copies(record(1, copies=64)) == 16


def test_the_grant_never_exceeds_the_claim() -> None:
    capacity = made()
    deliver(capacity, 1, 0.0, 200.0)
    assert capacity.copies(record(1, copies=20)) == 20


def test_delivery_with_gaps_proves_nothing() -> None:
    capacity = made()
    for now in (0.0, 11.0, 22.0, 33.0):
        capacity.evidence(node(1), Evidence.DELIVERED, now)
    assert capacity.copies(record(1, copies=64)) == 4


def test_a_stall_takes_half_of_the_grant_but_not_the_first_four() -> None:
    capacity = made()
    deliver(capacity, 1, 0.0, 20.0)
    capacity.evidence(node(1), Evidence.STALLED, 21.0)
    assert capacity.copies(record(1, copies=64)) == 8
    for now in range(5):
        capacity.evidence(node(1), Evidence.STALLED, 22.0 + now)
    assert capacity.copies(record(1, copies=64)) == 4


def test_blame_lowers_the_score_and_time_heals_it() -> None:
    capacity = made()
    assert capacity.score(node(1), 0.0) == 1.0
    capacity.evidence(node(1), Evidence.MISLED, 0.0)
    assert capacity.score(node(1), 0.0) == 0.5
    assert capacity.score(node(1), 600.0) == 0.75
    assert capacity.good(node(1), 0.0)


def test_one_forgery_is_enough_to_be_avoided_for_a_while() -> None:
    capacity = made()
    capacity.evidence(node(1), Evidence.FORGED, 0.0)
    assert not capacity.good(node(1), 0.0)
    assert capacity.good(node(1), 600.0)
    assert capacity.good(node(2), 0.0)


def test_evidence_is_bounded_and_forgets_the_longest_untouched() -> None:
    capacity = made(evidence_nodes=3)
    for index in range(1, 4):
        capacity.evidence(node(index), Evidence.FORGED, 0.0)
    capacity.evidence(node(1), Evidence.FORGED, 1.0)
    capacity.evidence(node(4), Evidence.FORGED, 1.0)
    assert capacity.good(node(2), 1.0)
    assert not capacity.good(node(1), 1.0)
    assert not capacity.good(node(4), 1.0)
