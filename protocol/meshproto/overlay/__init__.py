"""Who are my neighbours?  (RFC 0007)

`Overlay` in `overlay` is the machine: it remembers a few peers (`book`), finds near
ones (`exploration`), makes and trades links (`neighbourhood`, rules in `choice`),
tells and learns records (`own`, `exchange`), and comes back from isolation (`healing`).
"""
