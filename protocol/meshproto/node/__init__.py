"""The brain of a node: five machines joined, driven by whoever has a clock.

`brain` holds `Node`, `view` what the machines may ask of one another.
"""

from meshproto.node.brain import Ability, Identity, Node, NodeConfig

__all__ = ["Ability", "Identity", "Node", "NodeConfig"]
