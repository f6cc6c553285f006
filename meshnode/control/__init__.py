"""The brain on real sockets: who drives `meshproto.Node`, and what it is driven with.

`mesh` holds `Control`, the whole package for whoever composes a node; `driver` feeds
the brain, `carrier` does what it asks for, `dialling` sets links up, `joining` finds
the mesh.  What others must provide stands in `seam`.
"""
