"""The constants of the mesh, named once, each with unit, limit and reason.

One module per package of the brain.  Values come from the tree study and from sweeps of
the simulator; RFC 0012 section 5 says which were swept and which are judgement.
"""
