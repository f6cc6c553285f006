"""The control side of a node: identity, libp2p, links, and the driver of its brain."""
