"""What a reader said, so that the native one and the reference can be compared."""

from __future__ import annotations

from collections.abc import Callable

from meshproto.errors import DecodeError


def outcome(read: Callable[[], object]) -> object:
    """What `read` returns, in plain tuples, or the reason why it refused."""
    try:
        return plain(read())
    except DecodeError as error:
        return error.reason
    except ValueError as error:
        return str(error)


def plain(value: object) -> object:
    """`value` with lists and named tuples as tuples, which compare by their content."""
    if isinstance(value, list | tuple):
        return tuple(plain(part) for part in value)
    return value
