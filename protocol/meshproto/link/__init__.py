"""Links to neighbours: who lives, how far, and records once and in order (RFC 0005).

`links.Links` is the machine, one for all links of a node.  Below it are, for each link,
`neighbour` (what is known of the other end), `greeter` (how it becomes ready),
`channel` (frames, acknowledgement, repetition), `lane` (order) and `quality` (round
trip, loss, liveness).  `events` are what the owner takes by `take_changes`.
"""
