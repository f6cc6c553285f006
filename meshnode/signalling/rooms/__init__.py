"""Rooms: members who publish to each other over one connection each (RFC 0014).

`values` are the words, `seat` is one member at this node and `getting` what it gets,
`faraway` the members at other nodes, `room` all of them as this node sees them, `rooms`
the table of rooms.  A track of a member is a stream like any
other (`names`), so that rooms span nodes by what carries streams anyhow.
"""
