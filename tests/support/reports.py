"""Reports for tests, made of a drawn observation."""

from __future__ import annotations

from dataclasses import replace

from meshsim.observation import Observation
from meshsim.report.build import build
from meshsim.report.model import Report
from support.spaces import nodes, square
from support.synthetic import ancestor, observe


def observation(seed: int = 1, size: int = 40, *, broken: bool = False) -> Observation:
    """A drawn run with everything in it, its ancestor too."""
    slots = [1, 2, 0, 8, 4] * (size // 5)
    seen = observe(square(size, seed), nodes(slots), seed, broken)
    seen.scenario = "settled"
    seen.parameters = {"nodes": size, "model": "planetlab"}
    seen.ancestor = ancestor(seen, seed)
    return seen


def report(seed: int = 1, *, broken: bool = False, **figures: float) -> Report:
    """Its report; `figures` replace some of those it measured."""
    made = build(observation(seed, broken=broken))
    return replace(made, figures={**made.figures, **figures})
