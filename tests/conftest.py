"""What counts as covered: what a test asks for by name, not what chance walks into.

Under the tracer code is two and a half times as slow, most of all where thousands of
random or simulated steps go through it.  Those find faults, but a line that only they
reach has no test of its own, and whether they reach it may change with a seed.  So
properties (`hypothesis`) and tests marked `simulated` run without the tracer.
"""

from __future__ import annotations

import pytest

UNTRACED = ("hypothesis", "simulated")


@pytest.hookimpl(trylast=True)  # hypothesis marks its tests in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not to be traced, for pytest-cov."""
    for item in items:
        if any(item.get_closest_marker(name) for name in UNTRACED):
            item.add_marker("no_cover")
