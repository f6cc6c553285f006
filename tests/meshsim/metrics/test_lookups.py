"""How long viewers waited for the directory: by hand."""

from __future__ import annotations

import pytest

from meshsim.metrics.lookups import lookup_figures
from meshsim.observation import Lookup, Observation
from support.spaces import line, nodes


def seen(*lookups: Lookup) -> Observation:
    run = Observation("x", 1, line(4), nodes([4] * 4))
    run.lookups = list(lookups)
    return run


def test_without_lookups_there_is_nothing_to_say() -> None:
    assert lookup_figures(seen()) == {}


def test_waits_and_misses_are_apart_and_so_are_partitions() -> None:
    table = lookup_figures(
        seen(
            Lookup(0, 1.0, 1.1),
            Lookup(1, 1.0, 1.3),
            Lookup(2, 5.0, None),
            Lookup(3, 60.0, 64.0, across=True),
        )
    )
    assert table["lookups"] == 4
    assert table["lookups_missed"] == 1
    assert table["resolve_p99_ms"] == pytest.approx(300.0, rel=0.02)
    assert table["resolve_healed_p50_s"] == pytest.approx(4.0)


def test_where_nothing_was_divided_nothing_healed() -> None:
    assert "resolve_healed_p50_s" not in lookup_figures(seen(Lookup(0, 1.0, 2.0)))
