"""What a node says about itself: values first, JSON second.

These values are what `/status` prints, what `/metrics` counts, what the library returns
and what `meshnode status` reads.  They hold no secret: sessions appear under a number
that opens nothing (their URLs are capabilities), and addresses of viewers and
publishers are cut to their network, since an operator needs to see where load comes
from and not who watches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from meshnode.observe.mesh_status import MeshStatus
from meshnode.observe.volunteer_status import VolunteerStatus


@dataclass(frozen=True, slots=True)
class LayerStatus:
    """One simulcast layer of a track; `rid` is "" without simulcast.

    `key_frames_requested` counts the requests that the publisher was sent.
    """

    rid: str
    codec: str
    live: bool
    bitrate_bps: int = 0
    packets: int = 0
    width: int = 0
    height: int = 0
    key_frames_requested: int = 0


@dataclass(frozen=True, slots=True)
class TrackStatus:
    """One track of a stream; `codec` is the one that was negotiated."""

    kind: str
    mid: str
    codec: str
    layers: tuple[LayerStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A publisher or a viewer: `door` is "whip", "whep" or "local"."""

    number: int
    door: str
    state: str
    network: str
    age_s: float
    layers: tuple[str, ...] = ()
    estimate_bps: int = 0


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A stream; `state` is connecting, live or lingering (its publisher left)."""

    name: str
    state: str
    age_s: float
    viewers: int
    tracks: tuple[TrackStatus, ...] = ()
    publisher: SessionStatus | None = None
    sessions: tuple[SessionStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class LatencyStatus:
    """Packets by how long they stayed here, from the kernel's receive stamp to the last
    copy: `counts` between `bounds_s`, one more above the last; `sum_s` of them all.
    """

    bounds_s: tuple[float, ...]
    counts: tuple[int, ...]
    sum_s: float


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node; `state` is starting, ready, draining or stopped.

    `counters` only grow: numbers, and tables of numbers by reason.  `gauges` are what
    is open at this moment.  `latency` is None where the plane does not measure it,
    `mesh` for a node that serves alone.
    """

    version: str
    state: str
    uptime_s: float
    plane: str
    addresses: tuple[str, ...]
    urls: Mapping[str, str]
    limits: Mapping[str, int]
    streams: tuple[StreamStatus, ...] = ()
    counters: Mapping[str, object] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    latency: LatencyStatus | None = None
    mesh: MeshStatus | None = None
    volunteer: VolunteerStatus | None = None

    def json(self) -> dict[str, object]:
        """Plain values, ready for `json.dumps`."""
        return asdict(self)
