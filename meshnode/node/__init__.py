"""A node as a whole: the composition root and the library's public face."""

from meshnode.node.local import (
    LocalPacket,
    LocalPublisher,
    LocalSubscriber,
    LocalTrack,
)
from meshnode.node.mesh import MeshNode
from meshnode.node.recorder import LocalRecording

__all__ = [
    "LocalPacket",
    "LocalPublisher",
    "LocalRecording",
    "LocalSubscriber",
    "LocalTrack",
    "MeshNode",
]
