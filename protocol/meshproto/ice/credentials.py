"""Which password belongs to the USERNAME of a check (RFC 8445 section 7.3).

USERNAME is "our ufrag:their ufrag", and ours is the key of the table.  An ICE restart
adds a second generation to a transport; the first stays valid until a check used the
second, because checks and the answer that carries new credentials overtake each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.errors import StateError
from meshproto.ice.path import ClientPath
from meshproto.ids import TransportId

UFRAG_LENGTH = 4
PWD_LENGTH = 22
"""Shortest credentials that RFC 8445 section 5.3 allows."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One generation: `pwd` is the key of its checks, an empty `remote_ufrag` fits
    every client.
    """

    path: ClientPath
    ufrag: bytes
    pwd: bytes
    remote_ufrag: bytes


class CredentialTable:
    """At most two generations of credentials for every transport."""

    def __init__(self) -> None:
        self._by_ufrag: dict[bytes, Credentials] = {}
        self._generations: dict[TransportId, list[Credentials]] = {}

    def add(
        self, path: ClientPath, ufrag: str, pwd: str, remote_ufrag: str
    ) -> Credentials:
        """A new generation, replacing one that no check has used.

        Raises `StateError` on credentials that are too short or a ufrag that is taken.
        """
        if len(ufrag) < UFRAG_LENGTH or len(pwd) < PWD_LENGTH or ":" in ufrag:
            raise StateError("ICE credentials are too short")
        key = ufrag.encode()
        if key in self._by_ufrag:
            raise StateError("ICE ufrag is taken")
        fresh = Credentials(path, key, pwd.encode(), remote_ufrag.encode())
        generations = self._generations.setdefault(path.transport, [])
        self._drop(generations[1:])
        self._generations[path.transport] = [*generations[:1], fresh]
        self._by_ufrag[key] = fresh
        return fresh

    def remove(self, path: ClientPath) -> None:
        """Forget a transport's credentials."""
        self._drop(self._generations.pop(path.transport))

    def find(self, username: bytes) -> Credentials | None:
        """The generation a check's USERNAME names, not proven by that."""
        local, _, remote = username.partition(b":")
        known = self._by_ufrag.get(local)
        if known is None or known.remote_ufrag not in {b"", remote}:
            return None
        return known

    def used(self, known: Credentials) -> None:
        """An authenticated check had `known`: older ones end with it."""
        generations = self._generations[known.path.transport]
        if len(generations) > 1 and known is generations[-1]:
            self._drop(generations[:-1])
            del generations[:-1]

    def _drop(self, credentials: list[Credentials]) -> None:
        for one in credentials:
            del self._by_ufrag[one.ufrag]
