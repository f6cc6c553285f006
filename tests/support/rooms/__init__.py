"""Members of rooms without a browser or a codec: they speak sfu-go's dialect, send
packets that were made before, and count what comes, by the track that it is of.
"""
