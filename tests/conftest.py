"""What tests are marked with, and what follows from it.

What counts as covered is what a test asks for by name, not what chance walks into.
Under the tracer code is two and a half times as slow, most of all where thousands of
random or simulated steps go through it.  Those find faults, but a line that only they
reach has no test of its own, and whether they reach it may change with a seed.  So
properties (`hypothesis`) and tests marked `simulated` run without the tracer.

Tests marked `long` (`make long`) and simulations may take minutes where the machine is
busy.  Nothing else here measures by the clock on the wall: an example of a property has
no deadline of its own, for that fails when somebody else's process had the processor.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

UNTRACED = ("hypothesis", "simulated")
PATIENT = ("long", "simulated")
PATIENT_S = 300

settings.register_profile("house", deadline=None)
settings.load_profile("house")


def _is(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)


@pytest.hookimpl(trylast=True)  # hypothesis marks its tests in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is not to be traced, for pytest-cov, and what may take its time."""
    for item in items:
        if _is(item, *UNTRACED):
            item.add_marker("no_cover")
        if _is(item, *PATIENT) and not _is(item, "timeout"):
            item.add_marker(pytest.mark.timeout(PATIENT_S))
