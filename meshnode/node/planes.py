"""Which packet path runs: `--plane auto|reference|native`, and why.

The reference plane is always there.  The native one is there where it was built, and
does the same for less; so `auto` means the native plane where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshnode.config import Settings
from meshnode.media import native
from meshnode.media.plane import MediaPlane
from meshnode.media.reference import ReferencePlane
from meshnode.media.uplink import Uplink
from meshproto.errors import StateError
from meshproto.forwarding.config import ForwardingConfig


@dataclass(frozen=True, slots=True)
class Choice:
    """A plane by its name, and why it was taken: half a sentence."""

    name: str
    why: str


def choose(settings: Settings) -> Choice:
    """The plane that the settings lead to.  Raises `StateError` where it cannot be."""
    missing = native.missing()
    if settings.plane == "reference":
        return Choice("reference", "asked for")
    if settings.plane == "native":
        if missing:
            raise StateError(
                f"--plane native cannot be: {missing}; `make native` builds it,"
                " --plane reference needs nothing"
            )
        return Choice("native", "asked for")
    if missing:
        return Choice("reference", missing)
    return Choice("native", "built here")


def make_plane(settings: Settings) -> MediaPlane:
    """The plane the settings ask for.  Raises `StateError` where it cannot be."""
    limits = settings.limits
    forwarding = ForwardingConfig(
        # local transports of this process come on top of the clients
        transports=limits.transports + limits.streams,
        ssrcs_per_transport=limits.ssrcs_per_transport,
        history_bytes=limits.history_bytes,
    )
    uplink_bps = float(settings.upload_cap_bps or 0)
    delays_s = {address: ms / 1000 for address, ms in settings.delays.items()}
    if choose(settings).name == "native":
        return native.NativePlane(forwarding, uplink_bps=uplink_bps, delays_s=delays_s)
    return ReferencePlane(forwarding, uplink=Uplink(uplink_bps), delays_s=delays_s)
