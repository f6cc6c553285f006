"""The overlay: paths against direct ones, degrees, and how well newcomers search."""

from __future__ import annotations

import math

import numpy as np

from meshsim.metrics.basis import Table, ms, quantile
from meshsim.observation import Flags, Observation, OverlayShot
from meshsim.oracle import nearest_round_trips_s, path_stretch, round_trips_s

IDEAL_NEIGHBOURS = 6
"""A newcomer is judged by so many of its nearest neighbours (RFC 0012 section 5.2)."""
LINKABLE_SLOTS = 4
"""Slots of the nodes that links ought to go to (RFC 0007)."""


def judged_overlay(seen: Observation) -> OverlayShot | None:
    """The settled shot of the overlay, or the last that is not of a cold start."""
    chosen = None
    for shot in seen.overlays:
        if shot.label == "settled":
            return shot
        if shot.label != "cold":
            chosen = shot
    return chosen


def overlay_figures(seen: Observation) -> Table:
    """Paths and degrees of the judged overlay, and of a cold one."""
    table: Table = {}
    shot = judged_overlay(seen)
    if shot is not None:
        paths = path_stretch(shot, seen.space, seen.population)
        for percent in (50, 95, 99):
            value = quantile(paths.stretch, percent / 100)
            table[f"overlay_stretch_p{percent}"] = value
        table["overlay_unreachable"] = paths.unreachable
        table |= _degrees(shot)
    for cold in [shot for shot in seen.overlays if shot.label == "cold"][:1]:
        paths = path_stretch(cold, seen.space, seen.population)
        table["cold_stretch_p50"] = quantile(paths.stretch, 0.5)
        table["cold_stretch_p95"] = quantile(paths.stretch, 0.95)
    return table


def _degrees(shot: OverlayShot) -> Table:
    degrees = np.bincount(shot.pairs.ravel(), minlength=len(shot.alive))[shot.alive]
    if not len(degrees):
        return {}
    return {"degree_p50": float(np.median(degrees)), "degree_max": int(degrees.max())}


def linkable(seen: Observation) -> Flags:
    """The nodes that a link ought to go to, as far as they are alive at the end."""
    capable: Flags = seen.population.slots >= LINKABLE_SLOTS
    shot = judged_overlay(seen)
    return capable if shot is None else capable & shot.alive


def _excess_s(
    node: int, chosen: tuple[int, ...], seen: Observation, capable: Flags
) -> float:
    """How much farther the nearest of `chosen` are than the ideal ones, on average."""
    own = np.sort(round_trips_s(node, seen.space)[list(chosen)])[:IDEAL_NEIGHBOURS]
    ideal = nearest_round_trips_s(node, seen.space, capable, len(own))
    return float(own.mean() - ideal.mean()) if len(own) else math.inf


def newcomer_figures(seen: Observation) -> Table:
    """How near to the ideal neighbours the searches ended, and what they cost."""
    if not seen.newcomers:
        return {}
    capable = linkable(seen)
    found = [_excess_s(n.node, n.neighbours, seen, capable) for n in seen.newcomers]
    # why not all: who lives for less than that has not linked yet
    later = [n for n in seen.newcomers if n.linked]
    linked = [_excess_s(n.node, n.linked, seen, capable) for n in later]
    return {
        "newcomer_excess_p90_ms": ms(quantile(found, 0.9)),
        "newcomer_linked_excess_p90_ms": ms(quantile(linked, 0.9)),
        "newcomer_probes_max": max(each.probes for each in seen.newcomers),
        "newcomer_took_p90_s": quantile([n.took_s for n in seen.newcomers], 0.9),
    }
