"""What hostile neighbours can do to gossip: the published attacks, run again.

The set-ups are those with which GossipSub 1.1 was evaluated (libp2p/gossipsub-hardening
and its report): thousands of *sybils*, identities of one owner, that connect, take
places in meshes, and drop what they should pass on.  Honest nodes run the very
`GossipRouter` of a node, in virtual time; sybils speak the same RPCs.

`setups` holds the facts of each attack, `sizes` scales them down, `profile` turns them
into a router's configuration; `honest` and `sybil` are the two kinds of hosts, `field`
puts them together and runs them; `record` sees what arrived, `outcome` makes figures of
it and judges them (RFC 0008 section 8.1).
"""
