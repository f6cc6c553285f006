"""A node as a whole: the composition root and the library's public face."""

from meshnode.node.local import (
    LocalPacket,
    LocalPublisher,
    LocalSubscriber,
    LocalTrack,
)
from meshnode.node.mesh import MeshNode
from meshnode.node.recorder import LocalRecording
from meshnode.node.room_recorder import RoomRecording

__all__ = [
    "LocalPacket",
    "LocalPublisher",
    "LocalRecording",
    "LocalSubscriber",
    "LocalTrack",
    "MeshNode",
    "RoomRecording",
]
