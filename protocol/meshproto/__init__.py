"""The pure protocol of meshnode: bytes, values and machines.

Nothing here opens a socket, reads a clock, draws a random number or writes a log;
`meshnode` drives it on real sockets and `meshsim` in virtual time.  Where to look:
`wire` turns bytes into values, `ice` answers connectivity checks, `forwarding` is the
per-packet algorithm.  The contract of every machine is RFC 0001 section 3.
"""
