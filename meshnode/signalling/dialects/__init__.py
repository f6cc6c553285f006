"""Signalling of other projects, so that their clients work unchanged (RFC 0014, 0015).

Each dialect turns messages into calls on a seat of a room (`sfu_go`) or a guest of the
lobby (`lobby.Guest`), and what those have to say into messages.  `socket` is the
WebSocket under rooms, `common` what the others share.
"""
