"""Events reach `logging` once each, and no cause can flood it."""

from __future__ import annotations

import logging

import pytest

from meshnode.observe.events import CAUSES_MAX, EventLog


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def logger(kept: Kept) -> logging.Logger:
    logger = logging.Logger("test", logging.INFO)
    logger.addHandler(kept)
    return logger


def test_an_event_carries_its_fields(logger: logging.Logger, kept: Kept) -> None:
    log = EventLog(logger)
    assert log.emit("published", stream="demo\n", peer="203.0.113.7", key="s3cret")
    (record,) = kept.records
    assert record.getMessage() == "published"
    assert record.fields == {  # type: ignore[attr-defined]
        "stream": "demo\\n",
        "peer": "203.0.113.x",
        "key": "(hidden)",
    }


def test_fields_may_have_the_names_of_record_attributes(
    logger: logging.Logger, kept: Kept
) -> None:
    assert EventLog(logger).emit("odd", name="x", args=(1,), msg="%s %d")
    assert kept.records[0].getMessage() == "odd"


def test_a_cause_is_limited_and_tells_what_was_held_back(
    logger: logging.Logger, kept: Kept
) -> None:
    clock = Clock()
    log = EventLog(logger, clock=clock, burst=3, per_minute=60)
    assert [log.emit("refused", cause="bad sdp") for _ in range(5)] == [True] * 3 + [
        False
    ] * 2
    assert log.emit("refused", cause="no key")
    clock.now += 1.0
    assert log.emit("refused", cause="bad sdp")
    assert kept.records[-1].fields == {  # type: ignore[attr-defined]
        "cause": "bad sdp",
        "suppressed": 2,
    }
    assert len(kept.records) == 5


def test_silence_refills_no_more_than_the_burst(
    logger: logging.Logger, kept: Kept
) -> None:
    clock = Clock()
    log = EventLog(logger, clock=clock, burst=2, per_minute=60)
    log.emit("x")
    clock.now += 3600
    assert [log.emit("x") for _ in range(3)] == [True, True, False]


def test_the_table_of_causes_is_bounded(logger: logging.Logger) -> None:
    log = EventLog(logger)
    for number in range(2 * CAUSES_MAX):
        log.emit("x", cause=str(number))
    assert len(log._buckets) == CAUSES_MAX


def test_a_level_that_is_off_costs_no_allowance(
    logger: logging.Logger, kept: Kept
) -> None:
    log = EventLog(logger, burst=1)
    assert not log.emit("x", level=logging.DEBUG)
    assert log.emit("x")
    assert len(kept.records) == 1
