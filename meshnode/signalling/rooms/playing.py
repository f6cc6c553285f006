"""A stream that a member gets, and how much of it is of use to the member.

What it is told about sizes decides (RFC 0014 section 5.3): a picture that it does not
show is not played at all, and one that it shows small comes in a small layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshnode.signalling.layers import best_first
from meshnode.signalling.members import Viewer
from meshnode.signalling.rooms.fitting import enough, lower
from meshnode.signalling.stream import Stream
from meshnode.signalling.tracks import Outlet

LOSS_MAX = 0.02
"""A share of loss from which sizes choose none but the cheapest layer."""


@dataclass(slots=True, eq=False)
class Playing:
    """One of them, or one that it shall get; `size` in pixels is how large it shows
    it, None where it never said.
    """

    peer: str
    label: str
    outlet: Outlet
    viewer: Viewer | None = None
    size: tuple[int, int] | None = None

    @property
    def hidden(self) -> bool:
        """Whether nobody sees it."""
        return self.size is not None and 0 in self.size

    def most(
        self, stream: Stream | None, chosen: str | None, loss: float
    ) -> str | None:
        """The best layer that is of use; `chosen` is what the member said itself."""
        if self.size is None or stream is None or not stream.tracks:
            return chosen
        track = stream.tracks[0]
        rids = [rid for rid in reversed(best_first(track)) if rid]
        sizes = [(r, track.layers[r].width, track.layers[r].height) for r in rids]
        found = lower(rids, chosen, enough(sizes, self.size))
        # what is lost says that congestion control must choose, not we; but there is
        # nothing below the cheapest
        cheapest = bool(rids) and found == rids[0]
        return found if cheapest or loss <= LOSS_MAX else chosen
