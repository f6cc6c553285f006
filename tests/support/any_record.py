"""Records of every declared kind, with values that mean something to the receiver.

A stranger who only rolls dice never hits a serial or a name that counts.  This one
learns: every value of every record that it heard may turn up in what it says, in any
field that takes it.  Half of what it says is something heard with one field changed.
"""

from __future__ import annotations

import random
import types
from dataclasses import fields, replace
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from meshproto.errors import DecodeError
from meshproto.wire.control.peer import PeerRecord
from meshproto.wire.control.schema import REGISTRY, Codec, Record

NUMBERS = (0, 1, 2, 3, 7, 24, 255, 4_096, 65_535, 2**20, 2**32 - 1, 2**48 - 1)
TIMES = (0.0, 0.001, 0.02, 0.3, 9.99, 10.0, 60.0)
KINDS_MAX = 128
VALUES_MAX = 400
TRIES = 12


@cache
def hints(shape: type[Record]) -> dict[str, Any]:
    return get_type_hints(shape)


def kinds() -> list[type[Record]]:
    """Everything that packages declare (tests declare kinds above)."""
    return [shape for kind, shape in sorted(REGISTRY.items()) if 16 <= kind < KINDS_MAX]


class Invention:
    """Makes records; `values` are octets that it may use, `learn` adds more."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.values: list[Any] = [bytes(8), bytes(16), bytes(38)]
        self.peers: list[PeerRecord] = []
        self.heard: list[Record] = []

    def learn(self, value: Any) -> None:
        """Keep a record and everything in it."""
        if isinstance(value, PeerRecord):
            self.peers.append(value)
        if isinstance(value, Record):
            if value.KIND >= 0 and value.CODECS:
                self.heard.append(value)
            for name, _ in value.CODECS:
                self.learn(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:
                self.learn(item)
        elif isinstance(value, bytes | int | float) and len(self.values) < VALUES_MAX:
            self.values.append(value)
            if isinstance(value, bytes) and len(value) > 8:
                self.values.append(value[-8:])

    def record(self) -> Record:
        """Anything that decodes."""
        if self.heard and self.chance.random() < 0.5:
            record = self.chance.choice(self.heard)
            field = self.chance.choice(fields(record))  # type: ignore[arg-type]
            codec = field.metadata["codec"]
            hint = hints(type(record))[field.name]
            return replace(record, **{field.name: self._fitting(hint, codec)})  # type: ignore[type-var]
        return self._make(self.chance.choice(kinds()))

    def _make(self, shape: type[Record]) -> Record:
        known = hints(shape)
        return shape(
            *[self._fitting(known[name], codec) for name, codec in shape.CODECS]
        )

    def _fitting(self, hint: Any, codec: Codec) -> Any:
        """A value that the field's own codec takes."""
        for _ in range(TRIES):
            value = self._value(hint)
            try:
                return codec.decode(codec.encode(value))
            except (DecodeError, TypeError, ValueError, AttributeError):
                continue
        sizes = (0, 8, 16, 32, 34, 64)
        for value in (0, *map(bytes, sizes), (), None, 0.0, "", 1):
            try:
                return codec.decode(codec.encode(value))
            except (DecodeError, TypeError, ValueError, AttributeError):
                continue
        raise AssertionError(f"no value for {hint}")

    def _value(self, hint: Any) -> Any:
        chance, origin = self.chance, get_origin(hint)
        if origin in {Union, types.UnionType}:
            options = [kind for kind in get_args(hint) if kind is not type(None)]
            return None if chance.random() < 0.4 else self._value(options[0])
        if origin is tuple:
            inner = get_args(hint)[0]
            return tuple(self._value(inner) for _ in range(chance.randrange(4)))
        hint = getattr(hint, "__supertype__", hint)
        if hint is PeerRecord and self.peers:
            return chance.choice(self.peers)
        if isinstance(hint, type) and issubclass(hint, Record):
            return self._make(hint)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return chance.choice(list(hint))
        return self._plain(hint)

    def _plain(self, hint: Any) -> Any:
        chance = self.chance
        if hint is bool:
            return chance.random() < 0.5
        if hint is str:
            return chance.choice(["", "a", "https://h/"])
        known = [value for value in self.values if type(value) is hint]
        common: tuple[Any, ...] = {int: NUMBERS, float: TIMES}.get(hint, ())
        if hint is bytes:
            common = (chance.randbytes(8), chance.randbytes(38), b"")
        if known and chance.random() < 0.7:
            return chance.choice(known)
        return chance.choice(common)
