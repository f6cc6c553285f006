"""The event log: a hash of all lines and the last of them."""

from __future__ import annotations

from meshsim.eventlog import EventLog


def log_of(*lines: str, kept: int = 200) -> EventLog:
    log = EventLog(kept)
    for number, line in enumerate(lines):
        log.write(number / 3.0, line)
    return log


def test_the_same_lines_have_the_same_digest() -> None:
    assert log_of("a", "b").digest() == log_of("a", "b").digest()


def test_another_line_another_order_or_another_time_changes_the_digest() -> None:
    later = EventLog()
    later.write(0.0, "a")
    later.write(0.33333333333333337, "b")
    digests = {
        log_of("a", "b").digest(),
        log_of("b", "a").digest(),
        log_of("a", "c").digest(),
        log_of("a").digest(),
        later.digest(),
    }
    assert len(digests) == 5


def test_the_digest_is_of_everything_however_it_was_batched() -> None:
    lines = [str(n) for n in range(3000)]
    asked_often = EventLog()
    for number, line in enumerate(lines):
        asked_often.write(number / 3.0, line)
        if number % 7 == 0:
            asked_often.digest()
    assert asked_often.digest() == log_of(*lines).digest()
    assert asked_often.lines == 3000


def test_the_tail_keeps_the_last_lines_with_their_times() -> None:
    assert log_of("a", "b", "c", kept=2).tail() == [
        "0.3333333333333333 b",
        "0.6666666666666666 c",
    ]
