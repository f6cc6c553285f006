"""Who are my neighbours?  (RFC 0007)

`Overlay` in `overlay` is the machine: it remembers a few peers (`book`), finds near
ones (`exploration`), makes links (`neighbourhood`, by the rules of `choice`) and
judges them (`upkeep`), tells and learns records (`own`, `exchange`), and comes back
from isolation (`healing`).
"""
