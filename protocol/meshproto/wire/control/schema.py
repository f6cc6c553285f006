"""How records are declared: a frozen value whose fields name their wire form.

    @record(17, reliable=True)
    class RingQuery(Record):
        token: int = wire(integer(2**32 - 1))
        rtt_s: float = wire(seconds())

On the wire a record is the MessagePack array `[kind, field, ...]` (RFC 0006 section 3).
Decoding is total: a value or one `DecodeError`.  Fields behind the known ones are
ignored, so a later version may append; missing ones refuse unless they have a default.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, TypeVar, dataclass_transform

from meshproto.errors import DecodeError

T = TypeVar("T")
R = TypeVar("R", bound="Record")
E = TypeVar("E", bound=Enum)

SECONDS_MAX = 3.2e9


@dataclass(frozen=True, slots=True)
class Codec:
    """The two directions of one field; `decode` raises `DecodeError`."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


class Record:
    """Base of all records; `record` fills the class variables in.

    `RELIABLE` records are delivered once and in order, `BULK` ones of these on the
    second lane, fragmented where needed; the others are sent once, and the latest wins.
    """

    __slots__ = ()
    KIND: ClassVar[int] = -1
    RELIABLE: ClassVar[bool] = True
    BULK: ClassVar[bool] = False
    CODECS: ClassVar[tuple[tuple[str, Codec], ...]] = ()
    REQUIRED: ClassVar[int] = 0


REGISTRY: dict[int, type[Record]] = {}
"""Every declared kind; filled at import, read by `decode`."""


def wire(codec: Codec, **options: Any) -> Any:
    """A dataclass field with its wire form; `default=` makes it optional."""
    return field(metadata={"codec": codec}, **options)


@dataclass_transform(frozen_default=True, field_specifiers=(wire,))
def record(
    kind: int, *, reliable: bool = True, bulk: bool = False
) -> Callable[[type[R]], type[R]]:
    """Make a class a record of `kind` (see the essay); kinds are unique."""

    def declare(plain: type[R]) -> type[R]:
        made = structure(plain)
        if kind in REGISTRY:
            raise ValueError(f"record kind {kind} is taken by {REGISTRY[kind]}")
        made.KIND, made.RELIABLE, made.BULK = kind, reliable, bulk
        REGISTRY[kind] = made
        return made

    return declare


@dataclass_transform(frozen_default=True, field_specifiers=(wire,))
def structure(plain: type[R]) -> type[R]:
    """Make a class a frozen value with a wire form but no kind: a part of records."""
    made: type[R] = dataclass(frozen=True, slots=True)(plain)
    declared = fields(made)  # type: ignore[arg-type]
    made.CODECS = tuple((f.name, f.metadata["codec"]) for f in declared)
    optional = [f.default is not MISSING for f in declared]
    if optional != sorted(optional):
        raise ValueError(f"{plain.__name__}: optional fields come last")
    made.REQUIRED = optional.count(False)
    return made


def pack(value: Record) -> list[Any]:
    """The fields as plain data, without the kind."""
    return [codec.encode(getattr(value, name)) for name, codec in value.CODECS]


def unpack(shape: type[R], data: object) -> R:
    """A value of `shape` from plain data; raises `DecodeError`."""
    if not isinstance(data, list) or len(data) < shape.REQUIRED:
        raise DecodeError("record-shape", shape.__name__)
    # why not strict: a later version may have appended fields (RFC 0006 section 3)
    pairs = zip(shape.CODECS, data, strict=False)
    return shape(*[codec.decode(item) for (_, codec), item in pairs])


def encode(value: Record) -> list[Any]:
    """A record as `[kind, field, ...]`."""
    return [value.KIND, *pack(value)]


def decode(data: object) -> Record | None:
    """A record from `[kind, field, ...]`, None for an unknown kind."""
    if not isinstance(data, list) or not data or type(data[0]) is not int:
        raise DecodeError("record-shape")
    shape = REGISTRY.get(data[0])
    return None if shape is None else unpack(shape, data[1:])


def _same(value: Any) -> Any:
    return value


def integer(maximum: int, minimum: int = 0) -> Codec:
    """An integer in [minimum, maximum]."""

    def read(data: Any) -> int:
        if type(data) is not int or not minimum <= data <= maximum:
            raise DecodeError("record-integer")
        return data

    return Codec(_same, read)


def boolean() -> Codec:
    """True or false."""

    def read(data: Any) -> bool:
        if type(data) is not bool:
            raise DecodeError("record-boolean")
        return data

    return Codec(_same, read)


def number(maximum: float, minimum: float = 0.0) -> Codec:
    """A finite float in [minimum, maximum]."""

    def read(data: Any) -> float:
        if type(data) not in {float, int} or not math.isfinite(data):
            raise DecodeError("record-number")
        if not minimum <= data <= maximum:
            raise DecodeError("record-number")
        return float(data)

    return Codec(float, read)


def seconds(maximum: float = SECONDS_MAX) -> Codec:
    """A duration in [0, maximum] seconds, as an integer of 10 microseconds.

    Integers are shorter than floats, and both ends then hold the same value.
    """

    def write(value: float) -> int:
        return round(min(max(value, 0.0), maximum) * 100_000)

    def read(data: Any) -> float:
        if type(data) is not int or not 0 <= data <= maximum * 100_000:
            raise DecodeError("record-seconds")
        return data / 100_000

    return Codec(write, read)


def blob(maximum: int, minimum: int = 0) -> Codec:
    """Octets, `minimum` to `maximum` of them."""

    def read(data: Any) -> bytes:
        if type(data) is not bytes or not minimum <= len(data) <= maximum:
            raise DecodeError("record-blob")
        return data

    return Codec(_same, read)


def text(maximum: int) -> Codec:
    """A string of at most `maximum` octets in UTF-8."""

    def read(data: Any) -> str:
        if type(data) is not str or len(data.encode("utf-8", "replace")) > maximum:
            raise DecodeError("record-text")
        return data

    return Codec(_same, read)


def choice(kinds: type[Enum]) -> Codec:
    """A member of an enumeration whose values are small integers."""

    def read(data: Any) -> Enum:
        try:
            if type(data) is int:
                return kinds(data)
        except ValueError:
            pass
        raise DecodeError("record-choice", kinds.__name__)

    return Codec(lambda value: value.value, read)


def optional(inner: Codec) -> Codec:
    """Nil or what `inner` takes."""
    return Codec(
        lambda value: None if value is None else inner.encode(value),
        lambda data: None if data is None else inner.decode(data),
    )


def array(inner: Codec, maximum: int) -> Codec:
    """A tuple of at most `maximum` items."""

    def read(data: Any) -> tuple[Any, ...]:
        if not isinstance(data, list) or len(data) > maximum:
            raise DecodeError("record-array")
        return tuple(inner.decode(item) for item in data)

    return Codec(lambda value: [inner.encode(item) for item in value], read)


def nested(shape: type[Record]) -> Codec:
    """A value made by `structure` inside another."""
    return Codec(pack, lambda data: unpack(shape, data))


NODE = blob(42, 8)
"""A `NodeId` on the wire: a libp2p peer id (the simulator's are shorter)."""

SHORT = blob(8, 8)
"""A `ShortId` on the wire."""

STREAM = blob(16, 16)
"""A `StreamId` on the wire."""

EPOCH = integer(2**48 - 1)
"""Milliseconds since 1970 at a node's start."""

SIGNATURE = blob(64, 1)
"""An Ed25519 signature (the simulator's stand-ins are shorter)."""
