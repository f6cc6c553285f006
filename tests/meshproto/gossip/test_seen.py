from __future__ import annotations

from meshproto.gossip.seen import Seen, Sighting, Verdict
from support.gossip import TOPIC, node_id

A, B = node_id(1), node_id(2)


def sighting(now: float) -> Sighting:
    return Sighting(TOPIC, A, B, b"piece", now)


def test_an_id_is_known_for_its_time_and_then_new() -> None:
    seen = Seen(120.0, 10)
    seen.add(b"m", sighting(0.0))
    assert seen.get(b"m", 119.9)
    assert seen.get(b"m", 120.0) is None
    assert len(seen) == 0


def test_seeing_it_again_does_not_renew_it() -> None:
    seen = Seen(120.0, 10)
    seen.add(b"m", sighting(0.0))
    assert seen.get(b"m", 100.0)
    assert seen.get(b"m", 121.0) is None


def test_old_ids_go_when_new_ones_come() -> None:
    seen = Seen(120.0, 10)
    for number in range(5):
        seen.add(b"old%d" % number, sighting(float(number)))
    seen.add(b"new", sighting(123.5))
    assert len(seen) == 2


def test_the_table_is_bounded_and_the_oldest_goes() -> None:
    seen = Seen(120.0, 3)
    for number in range(5):
        seen.add(b"m%d" % number, sighting(1.0))
    assert len(seen) == 3
    assert [bool(seen.get(b"m%d" % n, 1.0)) for n in range(5)] == [
        False,
        False,
        *[True] * 3,
    ]


def test_messages_without_a_verdict_are_counted_also_when_they_expire() -> None:
    seen = Seen(120.0, 3)
    first, second = sighting(0.0), sighting(0.0)
    seen.add(b"m", first)
    seen.add(b"n", second)
    assert seen.undecided == 2
    seen.decide(first, Verdict.ACCEPT, 1.0)
    assert seen.undecided == 1
    assert seen.get(b"n", 120.0) is None
    assert seen.undecided == 0
    assert seen.get(b"m", 120.0) is None
    assert seen.undecided == 0


def test_a_verdict_frees_the_octets_and_notes_the_time() -> None:
    found = sighting(5.0)
    assert found.decided_at == 5.0
    found.decide(Verdict.REJECT, 7.0)
    assert (found.verdict, found.decided_at, found.piece) == (Verdict.REJECT, 7.0, b"")


def test_a_copy_counts_once_and_never_for_the_first_sender() -> None:
    found = sighting(0.0)
    assert not found.copied_by(A)
    assert found.copies is None
    assert found.copied_by(B)
    assert not found.copied_by(B)
    assert found.copies == {B: None}
