"""Figures of a brain: what it sent, how full its tables are."""

from __future__ import annotations

from support.brains import Brains


def test_octets_are_counted_by_package() -> None:
    brains = Brains(2)
    assert not any(brains.nodes[0].sent_octets().values())
    brains.link(0, 1)
    brains.run(5.0)
    sent = brains.nodes[0].sent_octets()
    assert sent["overlay"] > 0
    assert sent["directory"] > 0


def test_sizes_name_their_limits_and_stay_below_them() -> None:
    brains = Brains(2)
    brains.link(0, 1)
    brains.run(1.0)
    sizes = {name: (size, most) for name, size, most in brains.nodes[0].sizes()}
    assert sizes["link.links"][0] == 1
    assert all(size <= most for size, most in sizes.values())
