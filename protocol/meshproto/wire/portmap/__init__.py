"""What is said to a router that may open a port: PCP (RFC 6887) and NAT-PMP (RFC 6886).

The first two octets tell both apart, they share a port number of the router, and one is
the other's version 0.  UPnP, the third way, is XML over HTTP and left to a library.
"""
