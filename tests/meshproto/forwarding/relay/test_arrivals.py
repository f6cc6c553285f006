"""What a child tells of the packets that came."""

from __future__ import annotations

from meshproto.forwarding.relay.arrivals import OCTETS_MAX, SOURCES_MAX, Arrivals
from meshproto.wire.ccfb import STATUSES_MAX, CongestionFeedback, find

SSRC = 0x1000


def told(feedback: CongestionFeedback) -> dict[int, list[tuple[int, int | None]]]:
    return {source.ssrc: list(source.packets()) for source in feedback.sources}


def test_what_is_missing_between_two_packets_is_told_over_a_wrap_too() -> None:
    arrivals = Arrivals()
    for number, at in ((65_534, 1.0), (0, 1.0625), (65_535, 1.125), (2, 1.25)):
        arrivals.note(SSRC, number, at)
    assert told(arrivals.report(9, 1.25)) == {
        SSRC: [(65_534, 256), (65_535, 128), (0, 192), (1, None), (2, 0)]
    }
    assert not arrivals.report(9, 1.3).sources


def test_the_next_report_begins_where_the_last_one_ended() -> None:
    arrivals = Arrivals()
    arrivals.note(SSRC, 10, 1.0)
    arrivals.report(9, 1.0)
    arrivals.note(SSRC, 10, 1.1)  # again, or late: it was told already
    arrivals.note(SSRC, 12, 1.1)
    assert told(arrivals.report(9, 1.1)) == {SSRC: [(11, None), (12, 0)]}


def test_reports_are_due_at_their_interval_and_never_without_one() -> None:
    arrivals = Arrivals()
    assert not arrivals.due(0.1, 5.0)
    arrivals.note(SSRC, 1, 5.0)
    assert not arrivals.due(0.1, 5.05)
    assert arrivals.due(0.1, 5.11)
    assert not arrivals.due(0.0, 99.0)
    arrivals.report(9, 5.11)
    assert not arrivals.due(0.1, 5.15)


def test_a_leg_that_goes_on_far_ahead_has_lost_nothing() -> None:
    arrivals = Arrivals()
    arrivals.note(SSRC, 1, 1.0)
    arrivals.report(9, 1.0)
    arrivals.note(SSRC, 2 + STATUSES_MAX, 1.1)
    assert told(arrivals.report(9, 1.1)) == {SSRC: [(2 + STATUSES_MAX, 0)]}


def test_many_sources_fill_several_reports_and_no_more_memory() -> None:
    arrivals = Arrivals()
    for ssrc in range(2 * SOURCES_MAX):
        arrivals.note(ssrc, 1, 1.0)
        arrivals.note(ssrc, 20, 1.0)
    seen: list[int] = []
    while sources := (feedback := arrivals.report(9, 1.0)).sources:
        assert len(feedback.encode()) <= OCTETS_MAX + 12
        assert find(feedback.encode()) == [feedback]
        seen += [source.ssrc for source in sources]
    assert seen == list(range(SOURCES_MAX, 2 * SOURCES_MAX))
