"""`--allow` and `--deny`: which streams and nodes an operator has to do with.

    # one a line; what stands behind a # is for people
    stream cam            every stream that is called so
    claim 9f3a01bc        the one stream with this fingerprint, whatever it is called
    node 12D3KooW...      a node, by its peer id

What is denied is refused even if it is allowed.  A list of what is allowed speaks for
the kinds it names: with a `node` in it only those nodes are linked, with a `stream` or
a `claim` only those streams are carried.  A name is what a publisher chose, and anybody
may choose the same; the fingerprint belongs to one key (RFC 0005 section 2.1).

A file with a mistake is refused as a whole, with the number of the line: half a list
that is in force would be worse than the old one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from meshproto.errors import DecodeError, StateError
from meshproto.ids import NodeId, StreamId
from meshproto.wire import peer_id

LINES_MAX = 100_000
BYTES_MAX = 16 * 2**20
FINGERPRINT_MIN = 8
_NAME = re.compile(r"[A-Za-z0-9_.~-]{1,128}")
_HEX = re.compile(rf"(?:[0-9a-f]{{2}}){{{FINGERPRINT_MIN // 2},16}}")
SHAPES = "stream NAME, claim FINGERPRINT or node ID"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one file lists; fingerprints are the first digits of a stream's id."""

    names: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()
    nodes: frozenset[NodeId] = frozenset()

    @property
    def about_streams(self) -> bool:
        """Whether it says anything of streams."""
        return bool(self.names or self.claims)

    def __len__(self) -> int:
        return len(self.names) + len(self.claims) + len(self.nodes)

    def lists(self, name: str, stream: StreamId | None) -> bool:
        """Whether a stream is in it; `name` "" and `stream` None are not known yet."""
        if name and name in self.names:
            return True
        text = "" if stream is None else stream.hex()
        sizes = {len(claim) for claim in self.claims}
        return any(text[:size] in self.claims for size in sizes if len(text) >= size)


def parse(lines: Iterable[str], place: str) -> Rules:
    """The rules in a file that is called `place`.  Raises `StateError`."""
    names, claims, nodes = set(), set(), set()
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if number > LINES_MAX:
            raise StateError(f"{place} has more than {LINES_MAX} lines")
        kind, value = words[0], words[1] if len(words) == 2 else ""
        if kind == "stream" and _NAME.fullmatch(value):
            names.add(value)
        elif kind == "claim" and _HEX.fullmatch(value.lower()):
            claims.add(value.lower())
        elif kind == "node" and (node := _node(value)) is not None:
            nodes.add(node)
        else:
            said = " ".join(words)[:80]
            raise StateError(
                f"{place} line {number} is {said!r} but should be {SHAPES}"
            )
    return Rules(frozenset(names), frozenset(claims), frozenset(nodes))


def _node(text: str) -> NodeId | None:
    try:
        node = peer_id.from_text(text)
        peer_id.ed25519_key(node)
    except DecodeError:
        return None
    return NodeId(node)


def read(path: Path | None) -> Rules | None:
    """The rules of a file, None without one.  Raises `StateError`."""
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            text = file.read(BYTES_MAX + 1)
        if len(text) > BYTES_MAX:
            raise StateError(f"{path} is larger than {BYTES_MAX} bytes")
        return parse(text.decode().splitlines(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"{path}: {error}") from error


@dataclass(slots=True)
class Lists:
    """The two lists in force."""

    allow_file: Path | None = None
    deny_file: Path | None = None
    allow: Rules | None = field(default=None, init=False)
    deny: Rules | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.reload()

    def reload(self) -> None:
        """Read both files; on a mistake (`StateError`) the old lists stay."""
        allow, deny = read(self.allow_file), read(self.deny_file)
        self.allow, self.deny = allow, deny

    def carries(self, name: str, stream: StreamId | None) -> bool:
        """Whether this node has to do with a stream."""
        if self.deny is not None and self.deny.lists(name, stream):
            return False
        if self.allow is None or not self.allow.about_streams:
            return True
        return self.allow.lists(name, stream)

    def links(self, node: NodeId) -> bool:
        """Whether this node has to do with another."""
        if self.deny is not None and node in self.deny.nodes:
            return False
        if self.allow is None or not self.allow.nodes:
            return True
        return node in self.allow.nodes
