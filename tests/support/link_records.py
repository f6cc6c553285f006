"""Records for tests of links, of kinds that no package has."""

from __future__ import annotations

from meshproto.wire.control import schema as s


@s.record(240)
class Word(s.Record):
    """Reliable, on the normal lane."""

    number: int = s.wire(s.integer(2**32 - 1))
    padding: bytes = s.wire(s.blob(80_000), default=b"")


@s.record(241, bulk=True)
class Tome(s.Record):
    """Reliable, on the bulk lane."""

    number: int = s.wire(s.integer(2**32 - 1))
    padding: bytes = s.wire(s.blob(80_000), default=b"")


@s.record(242, reliable=False)
class Glance(s.Record):
    """Sent once; the latest wins."""

    number: int = s.wire(s.integer(2**32 - 1))
    padding: bytes = s.wire(s.blob(2_000), default=b"")


@s.record(243, reliable=False)
class Glimpse(s.Record):
    """Another kind that is sent once."""

    number: int = s.wire(s.integer(2**32 - 1))
