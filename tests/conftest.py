"""What tests are marked with, and what follows from it.

Coverage is of what tests ask for by name.  Under the tracer code is two and a half
times as slow, most of all where thousands of random or simulated steps go through it.
Those find faults, but a line that only they reach has no test of its own, and whether
they reach it may change with a seed: the dearest of them are marked `untraced`.

Tests marked `long` (`make long`) and the dear ones may take minutes where the machine
is busy.  Nothing else here measures by the clock on the wall: an example of a property
has no deadline of its own, for that fails when others had the processor.

Examples of properties are the same in every run of the same code, so that a change is
judged by what it did.  `make explore` draws fresh ones, and its finds become examples.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from meshnode.config import Settings
from support.planes import PLANE

PATIENT = ("long", "untraced")
PATIENT_S = 300

settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("house")

# nodes of this process run on the plane that MESHNODE_PLANE names, as children do
Settings.model_fields["plane"].default = PLANE
Settings.model_rebuild(force=True)


def _is(item: pytest.Item, *names: str) -> bool:
    return any(item.get_closest_marker(name) for name in names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell pytest-cov what is not to be traced, pytest-timeout what may take long."""
    for item in items:
        if _is(item, "untraced"):
            item.add_marker("no_cover")
        if _is(item, *PATIENT) and not _is(item, "timeout"):
            item.add_marker(pytest.mark.timeout(PATIENT_S))
