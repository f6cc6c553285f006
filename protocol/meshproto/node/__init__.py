"""The brain of a node: five machines joined, driven by whoever has a clock.

`brain` holds `Node`, `view` what the machines may ask of one another.
"""

from meshproto.node.brain import Identity, Node, NodeConfig

__all__ = ["Identity", "Node", "NodeConfig"]
