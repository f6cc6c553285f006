"""How a packet changes on its way through a node (RFC 0003).

`table` holds the values that program a plane; `forwarder` is the per-packet algorithm
that the reference plane and the simulator run and that the native plane repeats
datagram for datagram.
"""
