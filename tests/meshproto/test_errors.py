"""Errors say who is to blame and, where a table is full, what to set."""

from __future__ import annotations

from meshproto.errors import DecodeError, LimitError, MeshError


def test_a_decode_error_carries_its_label_for_a_counter() -> None:
    error = DecodeError("short", "7 of 12 bytes")
    assert error.reason == "short"
    assert str(error) == "short: 7 of 12 bytes"
    assert str(DecodeError("short")) == "short"
    assert isinstance(error, ValueError)


def test_a_limit_error_names_the_limit_and_what_to_raise() -> None:
    error = LimitError("transports", 2048)
    assert (error.limit, error.maximum) == ("transports", 2048)
    assert "transports=2048" in str(error)
    assert "raise transports" in str(error)


def test_everything_is_a_mesh_error() -> None:
    assert issubclass(DecodeError, MeshError)
    assert issubclass(LimitError, MeshError)
