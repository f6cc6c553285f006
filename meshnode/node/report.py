"""From the registry and the packet path to the status values."""

from __future__ import annotations

from meshnode.observe.scrub import truncated_address
from meshnode.observe.status import (
    LayerStatus,
    SessionStatus,
    StreamStatus,
    TrackStatus,
)
from meshnode.signalling.members import Member, Track, Viewer
from meshnode.signalling.stream import Stream

SESSIONS_SHOWN_MAX = 256
"""Of one stream; the number of viewers is always complete."""


def stream_status(stream: Stream, now: float) -> StreamStatus:
    """What there is to say about a stream."""
    viewers = list(stream.viewers.values())[:SESSIONS_SHOWN_MAX]
    publisher = stream.publisher
    return StreamStatus(
        name=stream.name,
        state=stream.state.value,
        age_s=round(now - stream.began_s, 1),
        viewers=len(stream.viewers),
        tracks=tuple(track_status(track) for track in stream.tracks),
        publisher=None if publisher is None else session_status(publisher, now),
        sessions=tuple(session_status(viewer, now) for viewer in viewers),
    )


def track_status(track: Track) -> TrackStatus:
    """What there is to say about a track."""
    return TrackStatus(
        kind=track.kind.value,
        mid=track.mid,
        codec=track.codec,
        layers=tuple(
            LayerStatus(
                rid,
                layer.codec,
                layer.live,
                layer.bitrate_bps,
                layer.packets,
                layer.width,
                layer.height,
                layer.key_frames_requested,
            )
            for rid, layer in track.layers.items()
        ),
    )


def session_status(member: Member, now: float) -> SessionStatus:
    """What there is to say about a session, without who it is."""
    viewer = member if isinstance(member, Viewer) else None
    legs = [] if viewer is None else viewer.legs
    return SessionStatus(
        number=member.number,
        door=member.door,
        state=member.state.value,
        network=truncated_address(member.address) if member.address else "",
        age_s=round(now - member.began_s, 1),
        layers=tuple(leg.layer for leg in legs if leg.layer is not None),
        estimate_bps=0 if viewer is None else viewer.estimate_bps,
    )
