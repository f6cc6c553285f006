"""What streams are called here: a name may be claimed by several keys.

The stream that was learned first under a name keeps it, the others are reachable as
`name~FINGERPRINT`, and inherit it in their order when it ends.  A stream that is
published at this node takes its name here, whoever else claims it: nobody far away can
take a publisher's own page from it.
"""

from __future__ import annotations

from meshproto.ids import StreamId, StreamName

FINGERPRINT_OCTETS = 4
NAMES_MAX = 65_536
"""Above the directory's own bound on streams; a fuse."""


class Names:
    """Names to streams and back."""

    def __init__(self) -> None:
        self._claimed: dict[StreamName, list[StreamId]] = {}
        self._names: dict[StreamId, StreamName] = {}

    def __len__(self) -> int:
        return len(self._names)

    def learn(self, stream: StreamId, name: StreamName, *, own: bool = False) -> None:
        """`stream` is called `name`; `own` ones come first."""
        if len(self._names) >= NAMES_MAX and stream not in self._names:
            return
        self._names[stream] = name
        claimed = self._claimed.setdefault(name, [])
        if stream in claimed and not own:
            return
        if stream in claimed:
            claimed.remove(stream)
        claimed.insert(0 if own else len(claimed), stream)

    def forget(self, stream: StreamId) -> None:
        """The stream has ended."""
        name = self._names.pop(stream, None)
        if name is None:
            return
        claimed = self._claimed[name]
        claimed.remove(stream)
        if not claimed:
            del self._claimed[name]

    def find(self, called: str) -> StreamId | None:
        """The stream that is called so here: by name, or with its fingerprint."""
        claimed = self._claimed.get(StreamName(called))
        if claimed:
            return claimed[0]
        name, tilde, print_ = called.rpartition("~")
        if not tilde:
            return None
        for stream in self._claimed.get(StreamName(name), ()):
            if fingerprint(stream) == print_:
                return stream
        return None

    def name(self, stream: StreamId) -> StreamName | None:
        """What its publisher called it."""
        return self._names.get(stream)

    def called(self, stream: StreamId) -> StreamName | None:
        """What it is called here."""
        name = self._names.get(stream)
        if name is None or self._claimed[name][0] == stream:
            return name
        return StreamName(f"{name}~{fingerprint(stream)}")


def fingerprint(stream: StreamId) -> str:
    """What tells streams of one name apart for people."""
    return stream[:FINGERPRINT_OCTETS].hex()
