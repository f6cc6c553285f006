"""Trees: who is served, how late, how deep, and what the way in cost.

Delays are those of the latency model along the parents of a shot, not what nodes
believe, so that ours, the oracle's and the ancestor's are measured with one rule.
"""

from __future__ import annotations

import math

import numpy as np

from meshsim.metrics.basis import Table, ms, quantile
from meshsim.observation import NOBODY, Flags, Floats, Ints, Observation, TreeShot
from meshsim.oracle import tree_delays_s, tree_depths


def judged_trees(seen: Observation) -> list[TreeShot]:
    """The settled shot of each stream, or its last one."""
    chosen: dict[str, TreeShot] = {}
    for shot in seen.trees:
        kept = chosen.get(shot.stream)
        if kept is None or kept.label != "settled" or shot.label == "settled":
            chosen[shot.stream] = shot
    return list(chosen.values())


def served_figures(seen: Observation) -> Table:
    """The share that is served in the judged trees, and when all were."""
    if not seen.trees and not seen.served:
        return {}
    if seen.trees:
        shots = judged_trees(seen)
        wanted = sum(int(shot.subscribed.sum()) for shot in shots)
        had = sum(int((shot.served & shot.subscribed).sum()) for shot in shots)
    else:
        wanted, had = seen.served[-1].subscribed, seen.served[-1].served
    return {
        "served_share": had / wanted if wanted else None,
        "convergence_s": convergence_s(seen),
    }


def convergence_s(seen: Observation) -> float | None:
    """From the last fault (or the start) until all were served and stayed so.

    Infinite if they were not at the end; None if nobody looked.
    """
    since = max((fault.time_s for fault in seen.faults), default=0.0)
    samples = [sample for sample in seen.served if sample.time_s >= since]
    whole = math.inf
    for sample in samples:
        if sample.served < sample.subscribed:
            whole = math.inf
        else:
            whole = min(whole, sample.time_s)
    return whole - since if samples else None


def delays_of(seen: Observation, shot: TreeShot) -> tuple[Floats, Floats]:
    """Delay along the tree and direct delay of its subscribers in it, in seconds."""
    delay = tree_delays_s(shot.parent, shot.origin, seen.space, seen.population)
    direct = seen.space.direct_s(shot.origin)
    return within(shot, delay, direct)


def within(shot: TreeShot, delay: Floats, direct: Floats) -> tuple[Floats, Floats]:
    """Both vectors for the subscribers with a finite delay and a direct path."""
    who = judged_members(shot) & np.isfinite(delay) & np.isfinite(direct) & (direct > 0)
    return delay[who], direct[who]


def judged_members(shot: TreeShot) -> Flags:
    """The subscribers but the origin, which has no delay."""
    who = shot.subscribed.copy()
    who[shot.origin] = False
    return who


def delay_figures(delay: Floats, direct: Floats) -> Table:
    """Quantiles of delay, stretch and excess."""
    if not len(delay):
        return {}
    table: Table = {}
    for percent in (50, 95, 99):
        table[f"delay_p{percent}_ms"] = float(np.percentile(delay, percent)) * 1e3
    for percent in (50, 95, 99):
        table[f"stretch_p{percent}"] = float(np.percentile(delay / direct, percent))
    table["excess_p99_ms"] = float(np.percentile(delay - direct, 99)) * 1e3
    return table


def all_delays(seen: Observation, shots: list[TreeShot]) -> tuple[Floats, Floats]:
    """`delays_of` several shots, one after the other."""
    pairs = [delays_of(seen, shot) for shot in shots]
    if not pairs:
        return np.zeros(0), np.zeros(0)
    delay = np.concatenate([pair[0] for pair in pairs])
    return delay, np.concatenate([pair[1] for pair in pairs])


def depths_of(shot: TreeShot) -> Ints:
    """The depth of every subscriber in the tree but the origin."""
    depths = tree_depths(shot.parent, shot.origin)[judged_members(shot)]
    found: Ints = depths[depths > 0]
    return found


def depth_figures(depths: Ints) -> Table:
    """Median and largest depth."""
    if not len(depths):
        return {}
    return {"depth_p50": float(np.median(depths)), "depth_max": int(depths.max())}


def tree_figures(seen: Observation) -> Table:
    """Delay, stretch, depth and degree of the judged trees."""
    table: Table = {"over_cap": seen.over_cap, "over_burst": seen.over_burst}
    shots = judged_trees(seen)
    if not shots:
        return table
    members = sum(int(judged_members(shot).sum()) for shot in shots)
    slots = sum(_room(seen, shot) for shot in shots)
    table |= delay_figures(*all_delays(seen, shots))
    table |= depth_figures(np.concatenate([depths_of(shot) for shot in shots]))
    table["children_max"] = max(_most_children(shot) for shot in shots)
    table["slots_per_subscriber"] = slots / members if members else None
    return table


def _room(seen: Observation, shot: TreeShot) -> int:
    member = shot.subscribed | (shot.parent != NOBODY)
    member[shot.origin] = True
    return int(seen.population.slots[member].sum())


def _most_children(shot: TreeShot) -> int:
    parents = shot.parent[shot.parent != NOBODY]
    return int(np.bincount(parents).max()) if len(parents) else 0


def join_figures(seen: Observation) -> Table:
    """What newcomers went through; times are of those that were accepted."""
    joins = seen.joins
    if not joins:
        return {}
    done = [(j, j.accepted_s) for j in joins if j.accepted_s is not None]
    took = [at - join.asked_s for join, at in done]
    wished = [at - join.wished_s for join, at in done if join.wished_s is not None]
    return {
        "joins": len(joins),
        "join_failures": len(joins) - len(took),
        "refusals_per_join": sum(join.refusals for join in joins) / len(joins),
        "messages_per_join": sum(join.messages for join in joins) / len(joins),
        "join_p50_ms": ms(quantile(took, 0.5)),
        "join_p95_ms": ms(quantile(took, 0.95)),
        "wish_p95_ms": ms(quantile(wished, 0.95)),
    }
