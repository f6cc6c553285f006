"""What the configured process writes: one scrubbed line a record."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from meshnode.observe.events import EventLog
from meshnode.observe.log import configure


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    EventLog().emit(
        "stream_started", stream="demo\n", kind="whip", level=logging.WARNING
    )
    (line,) = lines(stream)
    assert datetime.fromisoformat(str(line.pop("time"))).tzinfo
    assert line == {
        "event": "stream_started",
        "level": "warning",
        "logger": "meshnode.events",
        "stream": "demo\\n",
        "kind": "whip",
    }


def test_fields_cannot_pose_as_ours() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    EventLog().emit("x", logger="forged", time="forged")
    assert "forged" not in stream.getvalue()


def test_records_of_others_are_scrubbed_too() -> None:
    stream = io.StringIO()
    configure("info", "json", stream, secrets=["hunter22", ""])
    try:
        raise RuntimeError("peer 203.0.113.77 sent hunter22")
    except RuntimeError:
        logging.getLogger("other").exception("Bearer %s from %s", "abc", "203.0.113.77")
    (line,) = lines(stream)
    assert line["event"] == "Bearer (hidden) from 203.0.113.x"
    assert "Traceback" in str(line["exception"])
    for secret in ("hunter22", "203.0.113.77", "abc"):
        assert secret not in stream.getvalue()


def test_levels_and_chatty_libraries() -> None:
    stream = io.StringIO()
    configure("warning", "json", stream)
    logging.getLogger("meshnode").info("not this")
    logging.getLogger("aiohttp.access").info("nor this")
    logging.getLogger("meshnode").warning("this")
    assert [line["event"] for line in lines(stream)] == ["this"]


def test_the_console_is_plain_text_without_a_terminal() -> None:
    stream = io.StringIO()
    configure("info", "console", stream)
    EventLog().emit("stream_started", stream="demo\x1b[31m")
    said = stream.getvalue()
    assert "stream_started" in said
    assert "\\x1b[31m" in said
    assert "\x1b" not in said
    assert said.count("\n") == 1
