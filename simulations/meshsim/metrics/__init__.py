"""From what a run saw to figures: sums, quantiles and shares, no judgement.

`figures` answers a flat table, name to value, with the names of `meshsim.figures`.
Rates are taken inside the steady window.  One module per question: `trees`, `overlays`,
`flows`, `changes`; `central` asks the oracle for figures of the same names, so that a
report can set them side by side (RFC 0012 section 5.2).
"""

from __future__ import annotations

from collections.abc import Callable

from meshsim.metrics.basis import Table
from meshsim.metrics.changes import move_figures, repairs
from meshsim.metrics.flows import loop_figures, packet_figures, traffic_figures
from meshsim.metrics.lookups import lookup_figures
from meshsim.metrics.overlays import newcomer_figures, overlay_figures
from meshsim.metrics.trees import join_figures, served_figures, tree_figures
from meshsim.observation import Observation

_PARTS: tuple[Callable[[Observation], Table], ...] = (
    served_figures,
    tree_figures,
    join_figures,
    overlay_figures,
    newcomer_figures,
    lookup_figures,
    traffic_figures,
    packet_figures,
    loop_figures,
    repairs,
    move_figures,
)


def figures(seen: Observation) -> Table:
    """All figures of a run that its observation allows."""
    table: Table = {}
    for part in _PARTS:
        table |= part(seen)
    table["violations"] = len(seen.violations)
    return table
