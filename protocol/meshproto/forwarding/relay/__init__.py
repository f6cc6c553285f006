"""Legs between nodes: a stream passed on with the numbers of its origin (RFC 0003
section 13).

`wire` is what stands in packets, `stream` the tables, `slots` the bond between a stream
and the layers of the node, `table` applies deltas, `ingress` and `egress` move packets,
`beats` sends signs of life, `switch` judges silence, `control` hears RTCP of links.
"""
