"""Deltas as bytes: how the forwarding table's changes reach a plane elsewhere.

RFC 0003 section 2.1.  A delta is a map: `delta` says which one it is, the other keys
are its fields by name.  Sequences are arrays, enums their values, absent options nil,
ids of nodes and streams hexadecimal text.
The same maps stand as JSON in the vectors of RFC 0003, so that a plane in another
language needs no second notation.

The shape is read off the dataclasses of `table` once, at import: a field that is added
there is carried here.  Fields with a default may be left out; unknown keys are refused,
for control and plane are of one version.  Decoding is total: whatever the bytes are,
the answer is a delta whose integers fit their places on the wire, or `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, NoReturn, cast, get_args, get_origin, get_type_hints

import msgpack

from meshproto.errors import DecodeError
from meshproto.forwarding.relay_table import (
    BindStream,
    CloseLeg,
    CloseStream,
    OpenLeg,
    OpenStream,
    PlaneDelta,
    SetActive,
    SetLeg,
    SetSecond,
)
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    SetSelection,
)

DELTA_BYTES_MAX = 65_536
"""Longer input is refused unread."""

ENTRIES_MAX = 256
"""Elements of one sequence: codecs, extensions, rids, SSRC bindings."""

_KINDS: dict[str, type[Any]] = {
    "add-producer": AddProducer,
    "remove-producer": RemoveProducer,
    "add-consumer": AddConsumer,
    "move-consumer": MoveConsumer,
    "set-selection": SetSelection,
    "remove-consumer": RemoveConsumer,
    "request-key-frame": RequestKeyFrame,
    "open-stream": OpenStream,
    "close-stream": CloseStream,
    "bind-stream": BindStream,
    "set-active": SetActive,
    "set-second": SetSecond,
    "open-leg": OpenLeg,
    "set-leg": SetLeg,
    "close-leg": CloseLeg,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}

_ID_MAX = (1 << 63) - 1
_NUMBER_MAX = (1 << 48) - 1
_NAME_BYTES_MAX = 128
"""The longest id of a node or stream."""

_BOUNDS = {
    "ssrc": 0xFFFFFFFF,
    "rtx_ssrc": 0xFFFFFFFF,
    "repairs": 0xFFFFFFFF,
    "first_timestamp": 0xFFFFFFFF,
    "first_sequence": 0xFFFF,
    "payload_type": 127,
    "rtx_payload_type": 127,
    "clock_rate_hz": 0xFFFFFFFF,
    "channels": 255,
    "id": 255,
    "max_spatial": 7,
    "max_temporal": 7,
    "alias": 0xFFFFFFFF,
    "base": _NUMBER_MAX,
    "start": _NUMBER_MAX,
    "pause_after": _NUMBER_MAX,
    "layers": 0xFFFFFFFF,
    "bit": 31,
}
"""Largest value of an integer field by its name; ids of the table have `_ID_MAX`."""

_POSITIVE = frozenset(("clock_rate_hz", "channels", "id"))

Read = Callable[[object], Any]


def encode(delta: PlaneDelta) -> bytes:
    """The delta as msgpack; only for values that keep the types of `table`."""
    return cast(bytes, msgpack.packb(plain(delta)))


def decode(data: bytes) -> PlaneDelta:
    """The way back.  Raises `DecodeError` for anything that `encode` cannot mean."""
    if len(data) > DELTA_BYTES_MAX:
        raise DecodeError("delta-too-long", f"{len(data)} octets")
    try:
        value = msgpack.unpackb(data)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise DecodeError("delta-not-msgpack", type(error).__name__) from None
    return from_plain(value)


def plain(delta: PlaneDelta) -> dict[str, object]:
    """The delta as what msgpack and JSON know: maps, lists, text, integers, None."""
    return {"delta": _NAMES[type(delta)], **cast(dict[str, object], _plain(delta))}


def from_plain(value: object) -> PlaneDelta:
    """A delta from such a map.  Raises `DecodeError`."""
    if not isinstance(value, dict):
        _refuse("delta-shape", "no map")
    name = value.get("delta")
    read = _READERS.get(name) if isinstance(name, str) else None
    if read is None:
        _refuse("delta-unknown", repr(name)[:40])
    rest = {key: item for key, item in value.items() if key != "delta"}
    return cast(PlaneDelta, read(rest))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return value


def _refuse(reason: str, detail: str) -> NoReturn:
    raise DecodeError(reason, detail)


def _reader(hint: Any, name: str) -> Read:
    """What reads a value of type `hint` for the field `name`."""
    options = get_args(hint)
    if get_origin(hint) is tuple:
        return _sequence(_reader(options[0], name), name)
    if type(None) in options:
        [some] = [option for option in options if option is not type(None)]
        return _optional(_reader(some, name))
    hint = getattr(hint, "__supertype__", hint)
    if is_dataclass(hint):
        return _record(cast(type[Any], hint))
    if hint is int:
        return _integer(name)
    if hint is bytes:
        return _hexadecimal(name)
    if issubclass(hint, Enum):
        return _choice(hint, name)
    return _exactly(hint, name)


def _exactly(wanted: type[Any], name: str) -> Read:
    def read(value: object) -> object:
        if type(value) is not wanted:
            _refuse("delta-field", f"{name} is no {wanted.__name__}")
        return value

    return read


def _integer(name: str) -> Read:
    lowest, highest = int(name in _POSITIVE), _BOUNDS.get(name, _ID_MAX)

    def read(value: object) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            _refuse("delta-field", f"{name} is not from {lowest} to {highest}")
        return value

    return read


def _hexadecimal(name: str) -> Read:
    def read(value: object) -> bytes:
        if not isinstance(value, str) or len(value) > 2 * _NAME_BYTES_MAX:
            _refuse("delta-field", f"{name} is no text of {_NAME_BYTES_MAX} octets")
        try:
            found = bytes.fromhex(value)
        except ValueError:
            found = b""
        if found.hex() != value:
            _refuse("delta-field", f"{name} is not hexadecimal")
        return found

    return read


def _choice(enum: type[Enum], name: str) -> Read:
    known = {member.value: member for member in enum}

    def read(value: object) -> Enum:
        member = known.get(value) if isinstance(value, str) else None
        if member is None:
            _refuse("delta-field", f"{name} is none of {', '.join(known)}")
        return member

    return read


def _optional(some: Read) -> Read:
    return lambda value: None if value is None else some(value)


def _sequence(item: Read, name: str) -> Read:
    def read(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > ENTRIES_MAX:
            _refuse("delta-field", f"{name} is no list of {ENTRIES_MAX} at most")
        return tuple(item(entry) for entry in value)

    return read


def _record(kind: type[Any]) -> Read:
    hints = get_type_hints(kind)
    readers = {f.name: _reader(hints[f.name], f.name) for f in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING}

    def read(value: object) -> object:
        if not isinstance(value, dict):
            _refuse("delta-shape", f"{kind.__name__} is no map")
        if not needed <= value.keys() <= readers.keys():
            _refuse("delta-shape", f"{kind.__name__} has other keys")
        return kind(**{key: readers[key](item) for key, item in value.items()})

    return read


_READERS = {name: _record(kind) for name, kind in _KINDS.items()}
