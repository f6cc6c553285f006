"""Where is the stream? The GossipSub 1.1 router (RFC 0008).

`router` is the machine with its verbs.  Below it: `heartbeat` keeps the meshes in
shape, `control` answers what neighbours ask, `messages` passes messages on; they share
one `state`.  The small ones know one thing each: `topics` who is where, `scoring` who
deserves it, then `backoff`, `promises`, `seen`, `cache`, `outgoing`, `exchange`,
`authorship`.
"""
