"""Asking the router to let others in (RFC 0002 section 1.1).

Start reading in `keeper`, which is all that the rest of a node sees.  `pcp`, `natpmp`
and `upnp` are three ways to ask one router, the default gateway; no other machine is
believed, whatever it answers.
"""
