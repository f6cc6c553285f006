"""What tests are marked with, and what follows from it.

What counts as covered is what a test asks for by name, not what chance walks into.

Under the tracer code is two and a half times as slow, most of all where thousands of
random or simulated steps go through it.  Those find faults, but a line that only they
reach has no test of its own, and whether they reach it may change with a seed.  So
properties (`hypothesis`) and tests marked `simulated` run without the tracer.

Tests marked `long` (`make long`) take minutes, so their time-out is minutes too.
"""

from __future__ import annotations

import pytest

UNTRACED = ("hypothesis", "simulated")
LONG_S = 300


@pytest.hookimpl(trylast=True)  # hypothesis marks its tests in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not to be traced, for pytest-cov, and what may take its time."""
    for item in items:
        if any(item.get_closest_marker(name) for name in UNTRACED):
            item.add_marker("no_cover")
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_S))
