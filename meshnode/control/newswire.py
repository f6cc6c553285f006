"""Protocol events as lines of the event log: names, short ids, numbers.

One event is one line.  Nodes are written as people write them, streams in hexadecimal,
payloads not at all.  The log limits each cause by itself (`observe.events`), so a
neighbour that is wrong a thousand times a second costs a line a second.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from enum import Enum
from typing import Protocol

from meshproto.events import Event, LimitReached, Refused
from meshproto.wire import peer_id

QUIET = frozenset({"DescriptorArrived", "PathNamed", "SeqnoRaised"})
"""Events that are part of every quiet minute, carry sealed octets, or come because
somebody looks.
"""

NODE_OCTETS = 38
PAYLOAD_OCTETS_MAX = 38


class Log(Protocol):
    """`meshnode.observe.events.EventLog`."""

    def emit(
        self, event: str, *, cause: str = "", level: int = ..., **fields: object
    ) -> bool:
        """Write one line."""


def write(log: Log, event: Event) -> None:
    """Write `event`, unless nobody would want to read it."""
    name = type(event).__name__
    if name in QUIET:
        return
    if isinstance(event, Refused):
        log.emit(
            name, cause=event.reason, level=logging.DEBUG, node=plain(event.neighbour)
        )
        return
    level = logging.WARNING if isinstance(event, LimitReached) else logging.INFO
    said = {field.name: plain(getattr(event, field.name)) for field in fields(event)}
    cause = str(said.pop("reason", ""))
    log.emit(name, cause=cause, level=level, **said)


def plain(value: object) -> object:
    """A value of an event as the log takes it."""
    if isinstance(value, bytes):
        if len(value) == NODE_OCTETS:
            return peer_id.to_text(value)
        return value.hex() if len(value) < PAYLOAD_OCTETS_MAX else len(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value
