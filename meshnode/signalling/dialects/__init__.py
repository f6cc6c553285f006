"""Signalling of other projects, so that their clients work unchanged (RFC 0015).

Each dialect is one module that turns messages into calls on `lobby.Guest`, and what a
guest has to say into messages.  What is common to them is in `common`.
"""
