"""Lending a line: what this node gives, what it refuses, and when it gives less.

The limits of an operator are kept in three places.  Here, at admission: a viewer who
would not fit is refused with the name of the limit, before anything was set up for
it, and the brain is offered only what viewers leave of the line.  In the brain, which
drops layers and moves children when slots shrink (RFC 0011 section 5.2).  And in the
media port, whose meter lets nothing above the limit out whatever the other two did.

An admitted viewer's rate is *pledged* until the meter shows it: between a POST and the
first packet lies a second, in which others would be admitted to the same room.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from meshnode.config import Settings
from meshnode.node.lists import Lists, Rules
from meshnode.node.load import Load
from meshnode.node.month import Month
from meshnode.observe.events import EventLog
from meshnode.observe.mesh_status import MeshStatus
from meshnode.observe.volunteer_status import Carried, VolunteerStatus
from meshnode.signalling.problems import Refused
from meshnode.signalling.stream import Stream
from meshnode.signalling.streams import Streams
from meshproto.errors import LimitError, StateError
from meshproto.ids import NodeId, StreamId
from meshproto.node import Ability

PLEDGE_S = 5.0
RATE_SMOOTHING = 0.4
STEPS = 16
"""The uplink is told in sixteenths: every change goes to all neighbours."""

Find = Callable[[str], StreamId | None]
"""The stream that is called so, in the mesh."""


class Volunteer:
    """The limits of one node; a `Gate` for its doors.

    Call `tick` once a second; it says whether `ability` would answer otherwise.
    """

    def __init__(
        self,
        settings: Settings,
        streams: Streams,
        log: EventLog,
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.lists = Lists(settings.allow, settings.deny)
        self.month = Month(settings.max_upload_month, settings.data, wall)
        self.load = Load()
        self.find: Find = lambda _: None
        self._settings = settings
        self._streams = streams
        self._log = log
        self._clock = clock
        self._sent = 0
        self._relayed = 0
        self._at_s: float | None = None
        self._upload_bps = 0.0
        self._relayed_bps = 0.0
        self._pledges: deque[tuple[float, int]] = deque()
        self._told: tuple[float, bool, int] = (1.0, False, STEPS)

    # -- time --------------------------------------------------------------------------

    def tick(self, sent: int, relayed: int, lag_s: float, cpu: float) -> bool:
        """Octets sent and relayed since the start, and how the last second went."""
        now = self._clock()
        if self._at_s is not None and now > self._at_s:
            self._measure(sent, relayed, now - self._at_s)
        self._sent, self._relayed, self._at_s = sent, relayed, now
        was_used_up = self.month.used_up
        self.month.count(sent)
        if self.month.used_up and not was_used_up:
            self._warn("MonthUsedUp", limit=self.month.limit)
        if self.load.sample(lag_s, cpu, now):
            event = "Overloaded" if self.load.overloaded else "Recovered"
            self._warn(event, grant=self.load.grant, lag_s=round(self.load.lag_s, 3))
        told = (self.load.grant, self.month.used_up, self._steps())
        moved, self._told = told != self._told, told
        return moved

    def _measure(self, sent: int, relayed: int, elapsed_s: float) -> None:
        bps = 8 * (sent - self._sent) / elapsed_s
        relayed_bps = 8 * (relayed - self._relayed) / elapsed_s
        self._upload_bps += RATE_SMOOTHING * (bps - self._upload_bps)
        self._relayed_bps += RATE_SMOOTHING * (relayed_bps - self._relayed_bps)

    def _warn(self, event: str, **fields: float | None) -> None:
        self._log.emit(event, cause="", level=logging.WARNING, **fields)

    def close(self) -> None:
        """Keep the counter of the month."""
        self.month.count(self._sent)
        self.month.save()

    def reload(self) -> bool:
        """Read the lists again; on a mistake the old ones stay, and it is logged."""
        try:
            self.lists.reload()
        except StateError as error:
            self._log.emit("ListsRefused", level=logging.ERROR, why=str(error))
            return False
        allowed, denied = _count(self.lists.allow), _count(self.lists.deny)
        self._log.emit("ListsRead", allowed=allowed, denied=denied)
        return True

    # -- what the brain is offered -----------------------------------------------------

    def ability(self, given: Ability) -> Ability:
        """What of `given` this node has to give now."""
        usual = 0.0 if self.month.used_up else self._steps() / STEPS
        share = usual * self.load.grant
        return replace(
            given,
            copies=self._copies(given.copies * share),
            uplink_bps=given.uplink_bps * share,
            usual_copies=self._copies(given.copies * usual),
        )

    def _copies(self, wanted: float) -> int:
        most = self._settings.max_relays
        return int(wanted) if most is None else min(int(wanted), most)

    def _steps(self) -> int:
        """What viewers leave of a limited line, in sixteenths."""
        cap = self._settings.upload_cap_bps
        if not cap:
            return STEPS if cap is None else 0
        viewers_bps = max(self._upload_bps - self._relayed_bps, 0.0)
        return max(0, STEPS - round(STEPS * viewers_bps / cap))

    def carries(self, stream: StreamId, name: str) -> bool:
        """Whether a stream of others may be passed on."""
        return not self.month.used_up and self.lists.carries(name, stream)

    def links(self, node: NodeId) -> bool:
        """Whether a link with a node is welcome."""
        return self.lists.links(node)

    # -- the gate (`signalling.seam.Gate`) ---------------------------------------------

    def stream(self, name: str) -> None:
        """Raise `Refused` (403) for a stream this node has nothing to do with."""
        if not self.lists.carries(name, self.find(name)):
            raise Refused(403, f"this node does not carry {name}: its operator's list")

    def viewer(self, stream: Stream | None) -> None:
        """Raise `LimitError` where one more viewer of `stream` does not fit."""
        settings = self._settings
        if self.month.used_up:
            raise LimitError("max_upload_month", self.month.limit or 0)
        if settings.max_viewers is not None and self._viewers() >= settings.max_viewers:
            raise LimitError("max_viewers", settings.max_viewers)
        cap = settings.upload_cap_bps
        if cap is not None and stream is not None:
            rate = rate_bps(stream)
            if rate > cap - self._upload_bps - self._pledged():
                raise LimitError("max_upload", cap)

    def pledge(self, stream: Stream) -> None:
        """A viewer was let in: its packets are on their way."""
        self._pledges.append((self._clock() + PLEDGE_S, rate_bps(stream)))

    def _pledged(self) -> int:
        now = self._clock()
        while self._pledges and self._pledges[0][0] <= now:
            self._pledges.popleft()
        return sum(rate for _, rate in self._pledges)

    def _viewers(self) -> int:
        return sum(len(stream.viewers) for stream in self._streams)

    # -- looking -----------------------------------------------------------------------

    def status(self, mesh: MeshStatus | None) -> VolunteerStatus:
        """Limits, use, and what is carried now."""
        settings, carrying = self._settings, tuple(self._carrying(mesh))
        return VolunteerStatus(
            max_upload_bps=settings.upload_cap_bps,
            max_upload_month=settings.max_upload_month,
            max_viewers=settings.max_viewers,
            max_relays=settings.max_relays,
            allowed=_count(self.lists.allow),
            denied=_count(self.lists.deny),
            upload_bps=round(self._upload_bps),
            relayed_bps=round(self._relayed_bps),
            month_octets=self.month.octets,
            viewers=self._viewers(),
            copies=sum(each.copies for each in carrying),
            grant=self.load.grant,
            lag_s=round(self.load.lag_s, 4),
            cpu=round(self.load.cpu, 3),
            carrying=carrying,
        )

    def _carrying(self, mesh: MeshStatus | None) -> Iterator[Carried]:
        viewers = {str(s.name): len(s.viewers) for s in self._streams if s.viewers}
        for tree in () if mesh is None else mesh.trees:
            watched = viewers.pop(tree.name, 0)
            if tree.children or watched:
                yield Carried(
                    tree.name,
                    tree.stream,
                    tree.state == "origin",
                    len(tree.children),
                    watched,
                )
        for name, watched in viewers.items():
            yield Carried(name, "", True, 0, watched)


def rate_bps(stream: Stream) -> int:
    """What a viewer of the stream takes: the best layer of every track."""
    return sum(
        max((layer.bitrate_bps for layer in track.layers.values()), default=0)
        for track in stream.tracks
    )


def _count(rules: Rules | None) -> int | None:
    return None if rules is None else len(rules)
