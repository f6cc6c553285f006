"""Who gets a copy: join, accept, redirect, second parent, moves (RFC 0011).

    Distribution   the machine: verbs in, outputs and changes out
    Surroundings   what it asks of the rest of the node
    events         what happened, for logs and checkers
    changes        what other machines must know at once

Inside: `tree` is the state, `shared` what all trees have in common; `hearing` takes
records, `upstream` looks for parents, `above` takes them, `downstream` has the
children, `repair` heals; `turns`, `moves`, `commit`, `swap` and `standby` improve;
`capacity`, `shedding`, `interest`, `place`, `candidates` and `survey` say how much, for
whom and where.
"""

from meshproto.distribution.changes import Active, Change, OffersToTell, TreeUse
from meshproto.distribution.machine import Distribution
from meshproto.distribution.surroundings import Surroundings

__all__ = [
    "Active",
    "Change",
    "Distribution",
    "OffersToTell",
    "Surroundings",
    "TreeUse",
]
