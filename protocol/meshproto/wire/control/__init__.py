"""Link frames and the records in them (RFC 0006): MessagePack, bounded, total.

`schema` is how records are declared, `peer` the signed self-description of a node; each
package of the brain has its records in a module of its name.  Kinds: 0-15 link, 16-31
overlay, 32-47 directory, 48-63 routing, 64-95 distribution.
"""
