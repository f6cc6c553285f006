"""The directory: how long viewers waited for it."""

from __future__ import annotations

from meshsim.metrics.basis import Table, ms, quantile
from meshsim.observation import Observation


def lookup_figures(seen: Observation) -> Table:
    """Quantiles of time to resolve, and of those that a partition kept waiting."""
    if not seen.lookups:
        return {}
    took: dict[bool, list[float]] = {False: [], True: []}
    for lookup in seen.lookups:
        if lookup.found_s is not None:
            took[lookup.across].append(lookup.found_s - lookup.asked_s)
    missed = sum(lookup.found_s is None for lookup in seen.lookups)
    table: Table = {
        "lookups": len(seen.lookups),
        "lookups_missed": missed,
        "resolve_p50_ms": ms(quantile(took[False], 0.5)),
        "resolve_p99_ms": ms(quantile(took[False], 0.99)),
    }
    if took[True]:
        table["resolve_healed_p50_s"] = quantile(took[True], 0.5)
        table["resolve_healed_p99_s"] = quantile(took[True], 0.99)
    return table
