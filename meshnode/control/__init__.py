"""The control side of a node: identity, libp2p, links, and the brain's driver."""
