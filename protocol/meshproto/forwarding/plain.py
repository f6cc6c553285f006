"""Deltas as plain data: dictionaries of numbers, texts, booleans, lists and None.

What control says to a plane crosses threads, languages and files (RFC 0003 section 2).
The form is mechanical: a delta is a dictionary of its fields and `delta`, the name of
its kind; an enumeration is its value, a tuple a list.  MessagePack and JSON both hold
it.  Reading is strict, because a plane that guesses forwards to the wrong viewer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import cast

from meshproto.errors import DecodeError
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    ForwardingDelta,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    Selection,
    SetSelection,
)
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding

Plain = dict[str, object]

_KINDS: dict[str, type[ForwardingDelta]] = {
    kind.__name__: kind
    for kind in (
        AddProducer,
        RemoveProducer,
        AddConsumer,
        MoveConsumer,
        SetSelection,
        RemoveConsumer,
        RequestKeyFrame,
    )
}


def to_plain(delta: ForwardingDelta) -> Plain:
    """The delta as a dictionary."""
    return {"delta": type(delta).__name__, **_fields(delta)}


def from_plain(plain: object) -> ForwardingDelta:
    """The delta of a dictionary.  Raises `DecodeError` unless `to_plain` made it."""
    if not isinstance(plain, Mapping):
        raise DecodeError("delta-form")
    kind = _KINDS.get(str(plain.get("delta")))
    if kind is None:
        raise DecodeError("delta-kind")
    rest = {key: plain[key] for key in plain if key != "delta"}
    return cast(ForwardingDelta, _build(kind, rest))


def _fields(value: object) -> Plain:
    assert is_dataclass(value)
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _fields(value) if is_dataclass(value) else value


def _build(kind: type, plain: object) -> object:
    """A value of a dataclass from its fields; those with defaults may be left out."""
    if not isinstance(plain, Mapping):
        raise DecodeError("delta-form")
    known = {field.name: field for field in fields(kind)}
    if not all(isinstance(name, str) and name in known for name in plain):
        raise DecodeError("delta-field")
    taken: dict[str, object] = {}
    for name, field in known.items():
        if name in plain:
            taken[name] = _read(name, plain[name])
        elif field.default is MISSING:
            raise DecodeError("delta-field", name)
    return kind(**taken)


_LISTS: dict[str, type] = {
    "codecs": Codec,
    "extensions": Extension,
    "ssrcs": SsrcBinding,
}
_TEXTS = frozenset(("mid", "rid", "name", "parameters", "uri"))
_OPTIONAL = frozenset(
    (
        "rid",
        "rtx_ssrc",
        "rtx_payload_type",
        "repairs",
        "max_spatial",
        "max_temporal",
    )
)


def _read(name: str, value: object) -> object:
    if value is None and name in _OPTIONAL:
        return None
    if name in _LISTS:
        return tuple(_build(_LISTS[name], item) for item in _items(value))
    if name in {"rids", "feedback"}:
        return tuple(_text(item) for item in _items(value))
    if name == "selection":
        return _build(Selection, value)
    if name == "kind":
        return _kind(value)
    if name in _TEXTS:
        return _text(value)
    wanted = bool if name == "paused" else int
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise DecodeError("delta-value", name)
    return value


def _items(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise DecodeError("delta-list")
    return list(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DecodeError("delta-text")
    return value


def _kind(value: object) -> MediaKind:
    try:
        return MediaKind(value)
    except ValueError:
        raise DecodeError("delta-media") from None
