"""Tables of a scenario file to frozen values, with errors that a person understands.

The shape is the dataclass: field names are the keys, annotations the types, defaults
make keys optional.  Names carry their own limits: what ends in a unit is not negative,
and shares lie between 0 and 1.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum, IntEnum
from functools import cache
from typing import Any, TypeVar

from meshsim.errors import ScenarioError

T = TypeVar("T")

SHARES = {"share", "portion", "loss", "bad_loss", "duplicate", "reorder"}
SIGNED = {"by_s"}


@cache
def _hints(shape: type) -> dict[str, Any]:
    return typing.get_type_hints(shape)


def read(shape: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """A value of `shape` from a table; `where` is its place in the file, for errors."""
    assert is_dataclass(shape)
    known = {field.name: field for field in fields(shape)}
    for key in table:
        if key not in known:
            expected = ", ".join(known)
            raise ScenarioError(f"{where}{key} is unknown; expected {expected}")
    given: dict[str, Any] = {}
    for name, field in known.items():
        if name in table:
            given[name] = convert(_hints(shape)[name], table[name], f"{where}{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ScenarioError(f"{where}{name} is missing")
    try:
        return typing.cast("T", shape(**given))
    except ValueError as error:
        raise ScenarioError(f"{where.rstrip('.') or 'scenario'}: {error}") from error


def convert(wanted: Any, value: Any, where: str) -> Any:
    """`value` as a `wanted`; raises `ScenarioError`."""
    origin = typing.get_origin(wanted)
    if origin in {types.UnionType, typing.Union}:
        inner = [part for part in typing.get_args(wanted) if part is not type(None)]
        return convert(inner[0], value, where)
    if origin is tuple:
        return _array(typing.get_args(wanted)[0], value, where)
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _member(wanted, value, where)
    if is_dataclass(wanted):
        if not isinstance(value, Mapping):
            raise ScenarioError(f"{where}={value!r} is not a table")
        return read(typing.cast("type[Any]", wanted), value, f"{where}.")
    return _plain(wanted, value, where)


def _array(item: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ScenarioError(f"{where}={value!r} is not a list")
    return tuple(convert(item, one, f"{where}[{i}]") for i, one in enumerate(value))


def _member(kinds: type[Enum], value: Any, where: str) -> Enum:
    """By value; integer enumerations by name in small letters."""
    names = {
        kind.name.lower() if issubclass(kinds, IntEnum) else kind.value: kind
        for kind in kinds
    }
    if not isinstance(value, str) or value not in names:
        expected = ", ".join(names)
        raise ScenarioError(f"{where}={value!r} is unknown; expected {expected}")
    return names[value]


def _plain(wanted: Any, value: Any, where: str) -> Any:
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        expected = {int: "an integer", float: "a number", str: "a text"}
        what = expected.get(wanted, "true or false")
        raise ScenarioError(f"{where}={value!r} is not {what}")
    if wanted in {int, float}:
        _limit(value, where)
    return value


def _limit(value: float, where: str) -> None:
    name = where.rpartition(".")[2].partition("[")[0]
    if name in SHARES and not 0.0 <= value <= 1.0:
        raise ScenarioError(f"{where}={value!r} is not a share from 0 to 1")
    if name not in SIGNED and not 0.0 <= value < float("inf"):
        raise ScenarioError(f"{where}={value!r} is negative or no number")
