"""The offline simulator of the mesh (not yet built; RFC 0001 section 5)."""
