"""The brain of a node: five machines joined, driven by whoever has a clock.

`brain` holds `Node`, `values` what it is made with, `view` what the machines may ask of
one another, `finding` how streams are found by gossip and followed by trees.
"""

from meshproto.node.brain import Node
from meshproto.node.values import Ability, Identity, NodeConfig, Wish

__all__ = ["Ability", "Identity", "Node", "NodeConfig", "Wish"]
