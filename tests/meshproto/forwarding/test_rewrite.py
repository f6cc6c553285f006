"""One consumer's numbering against the rule said in its simplest form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.rewrite import Numbering, Segment

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("in", "in", "in", "drop", "late", "follow")),
        st.integers(0, 12),
    ),
    max_size=120,
)


class Rule:
    """Numbers are given out in order of source numbers, holes kept, drops left out."""

    def __init__(self, first: int) -> None:
        self.out: dict[tuple[int, int], int] = {}
        self.next = first

    def pass_to(self, source: int, number: int, begin: int, dropped: set[int]) -> None:
        for each in range(begin, number + 1):
            if each not in dropped:
                self.out[source, each] = self.next
                self.next += 1


@given(STEPS, st.integers(0, 2**33))
def test_no_holes_no_duplicates_and_late_packets_keep_their_number(
    steps: list[tuple[str, int]], first: int
) -> None:
    numbering: Numbering[int] = Numbering(first)
    rule = Rule(first)
    source, start, highest = 0, 1000, 999
    dropped: set[int] = set()
    numbering.follow(Segment(source, start, 0))
    for verb, step in steps:
        if verb == "follow":
            source, start = source + 1, 5000 * source + step
            highest, dropped = start - 1, set()
            numbering.follow(Segment(source, start, 0))
        elif verb == "drop":
            number = highest + 1 + step
            assert numbering.drop(number)
            dropped.add(number)
        else:
            number = highest - step if verb == "late" else highest + 1 + step
            if number in dropped:
                assert numbering.forward(number) is None
                continue
            rule.pass_to(source, number, highest + 1, dropped)
            highest = max(highest, number)
            placed = numbering.forward(number)
            if number < start:
                assert placed is None
                continue
            assert placed is not None
            assert placed[1] == rule.out[source, number]
    assert numbering.highest == rule.next - 1
    for (of, number), written in list(rule.out.items())[-200:]:
        found = numbering.origin(written)
        assert found is not None
        assert (found[0].source, found[1]) == (of, number)


def test_a_number_that_was_promised_cannot_be_closed() -> None:
    numbering: Numbering[str] = Numbering(0)
    numbering.follow(Segment("a", 10, 0))
    numbering.forward(12)
    assert not numbering.drop(11)
    assert numbering.forward(11) == (numbering.segment, 1)


def test_what_is_too_old_is_forgotten() -> None:
    numbering: Numbering[str] = Numbering(0)
    numbering.follow(Segment("a", 0, 0))
    for number in range(0, 4000, 2):
        numbering.forward(number)
        numbering.drop(number + 1)
    assert numbering.origin(0) is None
    assert numbering.forward(0) is None
    assert numbering.origin(numbering.highest) == (numbering.find(3998), 3998)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(-900, 900))
def test_a_segment_that_is_ahead_writes_its_times_later(
    timestamp: int, offset: int, ahead: int
) -> None:
    plain = Segment("a", 0, 0, timestamp=offset)
    moved = Segment("a", 0, 0, timestamp=offset, ahead=ahead)
    apart = moved.written(timestamp) - plain.written(timestamp)
    assert (apart - ahead) % 2**32 == 0


def test_a_change_holds_from_its_number_on() -> None:
    numbering: Numbering[str] = Numbering(0)
    numbering.follow(Segment("a", 10, 0))
    numbering.forward(12)
    for segment in numbering.change(13):
        segment.picture = -1
    late = numbering.find(12)
    new = numbering.find(13)
    assert late is not None
    assert new is not None
    assert (late.picture, late.patched) == (0, False)
    assert (new.picture, new.patched) == (-1, True)
    assert numbering.forward(13) == (new, 3)


def test_a_change_from_before_all_that_is_kept_concerns_all_of_it() -> None:
    numbering: Numbering[int] = Numbering(0)
    numbering.follow(Segment(0, 0, 0))
    number = 4
    while len(numbering._current) < 128:  # as many as are kept
        numbering.forward(number)
        numbering.drop(number + 1)
        number += 2
    assert len(numbering.change(2)) == 97  # it cut the oldest, which made it too many
