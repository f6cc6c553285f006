"""The own record: described by the owner, versioned, signed, told to neighbours.

A change is told within two seconds, `free` alone within ten: joins move it all the time
and it only ranks.  An unchanged record is told again every five minutes, so that those
who remember it know that it is fresh (RFC 0007 section 4).
"""

from __future__ import annotations

from dataclasses import replace

from meshproto.errors import StateError
from meshproto.ids import NodeId
from meshproto.overlay.state import Sign, State, Task
from meshproto.wire.control.overlay import PeerUpdate
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach


class OwnRecord:
    """The record that neighbours get."""

    __slots__ = ("_dirty", "_epoch", "_record", "_sign", "_state", "_told_at")

    def __init__(self, state: State, epoch: int, sign: Sign) -> None:
        self._state = state
        self._epoch = epoch
        self._sign = sign
        self._record: PeerRecord | None = None
        self._dirty: PeerRecord | None = None
        self._told_at = 0.0

    def current(self) -> PeerRecord:
        """The newest signed record; StateError before the first `describe`."""
        if self._record is None:
            raise StateError("overlay: describe this node first")
        return self._record

    @property
    def described(self) -> bool:
        """Whether there is a record."""
        return self._record is not None

    def describe(
        self,
        media: tuple[MediaAddress, ...],
        control: tuple[bytes, ...],
        reach: Reach,
        copies: int,
        free: int,
        operator: str,
        entry: str,
        now: float,
    ) -> None:
        """Take a new description; the first is signed at once, later ones soon."""
        old = self._dirty or self._record
        fresh = PeerRecord(
            *(self._state.me, self._epoch, 0, media, control, reach, copies, free),
            *(operator, entry, ()),
        )
        if old is not None and _same(old, fresh):
            return
        self._dirty = fresh
        if self._record is None:
            self._renew(now)
            return
        config = self._state.config
        only_free = _same(replace(fresh, free=self._record.free), self._record)
        wait_s = config.announce_free_s if only_free else config.announce_s
        self._sooner(max(now, self._told_at + wait_s))

    def coordinate_moved(self, now: float, wait_s: float) -> None:
        """Tell the coordinate, `wait_s` after the last record at the soonest."""
        record = self._record
        if record is None:
            return
        moved_s = self._state.coordinates.moved_s(record.coordinate)
        if moved_s > self._state.config.coordinate_moved_s:
            self._sooner(max(now, self._told_at + wait_s))

    def announce(self, now: float) -> None:
        """Sign a new version and tell every neighbour."""
        if self._record is None:
            return
        self._renew(now)
        for link in self._state.links:
            self.send(link.node)

    def send(self, neighbour: NodeId) -> None:
        """Tell one neighbour."""
        self._state.outbox.send(neighbour, PeerUpdate(self.current()))

    def _renew(self, now: float) -> None:
        base = self._dirty or self.current()
        version = 1 if self._record is None else self._record.version + 1
        coordinate = self._state.coordinates.value()
        plain = replace(base, version=version, coordinate=coordinate, signature=b"")
        self._record = replace(plain, signature=self._sign(plain.signed_part()))
        self._dirty = None
        self._told_at = now
        refresh_s = self._state.config.record_refresh_s
        jitter = 0.8 + 0.4 * self._state.chance.random()
        self._state.timers.set(Task.ANNOUNCE, now + refresh_s * jitter)

    def _sooner(self, at: float) -> None:
        timers = self._state.timers
        waiting = timers.at(Task.ANNOUNCE)
        if waiting is None or at < waiting:
            timers.set(Task.ANNOUNCE, at)


def _same(a: PeerRecord, b: PeerRecord) -> bool:
    return _described(a) == _described(b)


def _described(r: PeerRecord) -> tuple[object, ...]:
    return (r.media, r.control, r.reach, r.copies, r.free, r.operator, r.entry)
