"""What the oracle would have reached with the same nodes, slots and delays.

Its figures have the names of ours; two ratios of ours to its are added to ours.  It
needs a second at 1,000 nodes and a minute at 10,000, so it is asked once per report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshsim.metrics.basis import Table
from meshsim.metrics.trees import (
    delay_figures,
    depth_figures,
    depths_of,
    judged_members,
    judged_trees,
    within,
)
from meshsim.observation import Floats, Ints, Observation, TreeShot
from meshsim.oracle_tree import central_tree


@dataclass(frozen=True, slots=True)
class Central:
    """The oracle's trees for all judged shots, one after the other."""

    delay_s: Floats
    direct_s: Floats
    depths: Ints
    served_share: float | None

    def figures(self) -> Table:
        """Figures with the names of ours."""
        table = delay_figures(self.delay_s, self.direct_s) | depth_figures(self.depths)
        return {"served_share": self.served_share, **table}


def central(seen: Observation) -> Central | None:
    """Ask the oracle about the judged trees; None if the run has none."""
    shots = judged_trees(seen)
    if not shots:
        return None
    delays, directs, depths, members = [], [], [], 0
    for shot in shots:
        tree = central_tree(shot.origin, shot.subscribed, seen.space, seen.population)
        delay, direct = within(shot, tree.delay_s, seen.space.direct_s(shot.origin))
        delays.append(delay)
        directs.append(direct)
        depths.append(depths_of(_as_shot(shot, tree.parent)))
        members += int(judged_members(shot).sum())
    delay, direct = np.concatenate(delays), np.concatenate(directs)
    share = len(delay) / members if members else None
    return Central(delay, direct, np.concatenate(depths), share)


def _as_shot(shot: TreeShot, parent: Ints) -> TreeShot:
    who = shot.subscribed
    return TreeShot(shot.time_s, shot.stream, shot.origin, parent, who, who)


def ratios(ours: Table, theirs: Table) -> Table:
    """Our median and p99 delay over the oracle's."""
    table: Table = {}
    for percent in (50, 99):
        name = f"delay_p{percent}_ms"
        mine, best = ours.get(name), theirs.get(name)
        if mine is not None and best:
            table[f"delay_p{percent}_over_oracle"] = mine / best
    return table
