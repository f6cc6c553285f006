"""Which packet path runs: `--plane auto|reference|native`."""

from __future__ import annotations

from meshnode.config import Settings
from meshnode.media.plane import MediaPlane
from meshnode.media.reference import ReferencePlane
from meshnode.media.uplink import Uplink
from meshproto.errors import StateError
from meshproto.forwarding.config import ForwardingConfig


def make_plane(settings: Settings) -> MediaPlane:
    """The plane the settings ask for.  Raises `StateError` where it is not built."""
    if settings.plane == "native":
        raise StateError("--plane native is not built here; use --plane reference")
    limits = settings.limits
    return ReferencePlane(
        ForwardingConfig(
            # local transports of this process come on top of the clients
            transports=limits.transports + limits.streams,
            ssrcs_per_transport=limits.ssrcs_per_transport,
            history_bytes=limits.history_bytes,
        ),
        uplink=Uplink(float(settings.upload_cap_bps or 0)),
        delays_s={address: ms / 1000 for address, ms in settings.delays.items()},
    )
