from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.control_world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """An empty mesh, closed at the end."""
    world = World()
    yield world
    await world.close()
