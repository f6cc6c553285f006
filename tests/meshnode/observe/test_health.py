"""The phases of a node."""

from __future__ import annotations

from meshnode.observe.health import Health, Phase


def test_a_node_is_ready_between_start_and_drain() -> None:
    health = Health()
    assert not health.ready
    health.enter(Phase.READY)
    assert health.ready
    health.enter(Phase.DRAINING)
    assert not health.ready


def test_there_is_no_way_back() -> None:
    health = Health()
    health.enter(Phase.STOPPED)
    health.enter(Phase.READY)
    assert health.phase is Phase.STOPPED
