"""meshnode: a decentralised relay mesh for live WebRTC media.

    from meshnode import MeshNode, Settings

Everything public is named here and loaded when first used, so that the command line
does not wait for libraries it may not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshnode.config import Limits, Settings
    from meshnode.node import (
        LocalPacket,
        LocalPublisher,
        LocalRecording,
        LocalSubscriber,
        LocalTrack,
        MeshNode,
        RoomRecording,
    )

__version__ = "0.1.0"

__all__ = [
    "Limits",
    "LocalPacket",
    "LocalPublisher",
    "LocalRecording",
    "LocalSubscriber",
    "LocalTrack",
    "MeshNode",
    "RoomRecording",
    "Settings",
    "__version__",
]
_HOMES = {"Limits": "meshnode.config", "Settings": "meshnode.config"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'meshnode' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "meshnode.node")), name)
