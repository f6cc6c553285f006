"""Scaling keeps the odds of a honest node."""

from __future__ import annotations

import pytest

from meshsim.attacks.setups import BASELINE, SETUPS, Setup
from meshsim.attacks.sizes import SCALE_MAX, Sizes, scaled
from meshsim.errors import ScenarioError

SCALES = (1, 2, 5, 10, 20, SCALE_MAX)
ATTACKS = [setup for setup in SETUPS.values() if setup.name != BASELINE]


def odds(setup: Setup, sizes: Sizes) -> float:
    """Connections from sybils per connection that an attacked node opens itself."""
    around = sizes.sybils * sizes.attack_degree / sizes.targets(setup.aim)
    return around / sizes.degree


def test_at_scale_one_nothing_is_scaled_but_the_messages() -> None:
    for setup in SETUPS.values():
        sizes = scaled(setup, 1)
        assert (sizes.publishers, sizes.lurkers) == (setup.publishers, setup.lurkers)
        assert (sizes.sybils, sizes.degree) == (setup.sybils, setup.degree)
        assert sizes.containers == max(setup.containers, 1)
    assert scaled(SETUPS["dawn"], 1, 120).messages_per_s == 120


@pytest.mark.parametrize("setup", ATTACKS, ids=lambda setup: setup.name)
@pytest.mark.parametrize("scale", SCALES)
def test_sybils_stay_as_many_to_an_attacked_node_as_they_were(
    setup: Setup, scale: int
) -> None:
    before, after = scaled(setup, 1), scaled(setup, scale)
    assert odds(setup, after) == pytest.approx(odds(setup, before), rel=0.15)


@pytest.mark.parametrize("scale", SCALES)
def test_a_node_keeps_enough_honest_connections_for_a_mesh(scale: int) -> None:
    for setup in SETUPS.values():
        sizes = scaled(setup, scale)
        assert sizes.honest == round(1000 / scale)
        assert 2 * sizes.degree >= setup.mesh_degree
        assert sizes.degree < sizes.honest
        assert sizes.attack_degree <= sizes.targets(setup.aim)
        assert sizes.publishers >= 2


def test_colocated_sybils_stay_as_many_to_an_address() -> None:
    before, after = (scaled(SETUPS["colocation"], scale) for scale in (1, 10))
    per_address = [
        sizes.sybils * sizes.attack_degree / sizes.honest / sizes.containers
        for sizes in (before, after)
    ]
    assert per_address[1] == pytest.approx(per_address[0], rel=0.1)


@pytest.mark.parametrize("scale", [0, SCALE_MAX + 1])
def test_a_scale_that_leaves_no_mesh_is_refused(scale: int) -> None:
    with pytest.raises(ScenarioError, match=f"scale {scale} is not from 1 to 40"):
        scaled(SETUPS["dawn"], scale)
