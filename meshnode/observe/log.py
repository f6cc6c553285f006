"""Logging of the command line: for people on a terminal, or one JSON object a line.

The library itself only ever calls `logging` and never configures it; this module is
for the process that is ours.  structlog renders whatever arrives at the root handler,
so events, ordinary records and those of aiohttp or aiortc look alike, and all of them
pass the scrubber on the way out, tracebacks included.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from meshnode.observe.scrub import HIDDEN, scrub_fields, scrub_lines

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["console", "json"]
MULTI_LINE = ("exception", "stack")
# Their information level is about packets and requests.
CHATTY = ("aiohttp.access", "aioice", "aiortc", "asyncio")


def configure(
    level: Level = "info",
    style: Format = "console",
    stream: TextIO | None = None,
    secrets: Iterable[str] = (),
) -> logging.Handler:
    """Send the whole process's records to `stream` (default: standard error).

    `secrets` are texts that must not appear whatever happens.  Returns the handler,
    which replaces the ones the root logger had.
    """
    stream = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(style, stream.isatty(), tuple(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        quiet = "INFO" if level == "debug" else "WARNING"
        logging.getLogger(name).setLevel(quiet)
    return handler


def _formatter(
    style: Format, colours: bool, secrets: tuple[str, ...]
) -> structlog.stdlib.ProcessorFormatter:
    steps: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _scrubbed,
        _without(secrets),
        _renderer(style, colours),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _time(style),
            _with_fields,
            structlog.processors.format_exc_info,
        ],
        processors=steps,
    )


def _time(style: Format) -> Processor:
    """Machines get the date and UTC, people the time on their wall."""
    is_json = style == "json"
    return structlog.processors.TimeStamper(
        fmt="iso" if is_json else "%H:%M:%S", utc=is_json, key="time"
    )


def _renderer(style: Format, colours: bool) -> Processor:
    if style == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=colours,
        timestamp_key="time",
        # the richer ones print local variables, and with them keys
        exception_formatter=structlog.dev.plain_traceback,
    )


def _with_fields(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """The fields of an `EventLog` record beside its event; they never replace ours."""
    fields = getattr(entry.get("_record"), "fields", None)
    return {**fields, **entry} if isinstance(fields, dict) else entry


def _scrubbed(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    whole = {name: entry.pop(name) for name in MULTI_LINE if entry.get(name)}
    lines = {name: scrub_lines(str(text)) for name, text in whole.items()}
    return {**scrub_fields(entry), **lines}


def _without(secrets: tuple[str, ...]) -> Processor:
    def hide(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
        return {name: _hidden(value, secrets) for name, value in entry.items()}

    return hide


def _hidden(value: object, secrets: tuple[str, ...]) -> object:
    if isinstance(value, dict):
        return {name: _hidden(leaf, secrets) for name, leaf in value.items()}
    if isinstance(value, list):
        return [_hidden(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in filter(None, secrets):
            value = value.replace(secret, HIDDEN)
    return value
