"""libp2p for the mesh: authenticated TCP between nodes, on a trio thread of its own.

Start reading in `host`, which is all that the rest of a node sees.  What of py-libp2p
is used, and why so little of it, stands in `upgrade`.
"""
