"""Clients in the shape of the four projects' own, on aiortc: they know no more of a
node than their originals know of their servers.
"""
