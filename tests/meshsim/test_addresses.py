"""Addresses: unique, grouped by prefix, and gone after a NAT reboot."""

from __future__ import annotations

import pytest

from meshsim.addresses import Addresses


def test_every_node_has_its_own_address_and_is_found_there() -> None:
    addresses = Addresses(1000)
    assert len({addresses.of(node).ip for node in range(1000)}) == 1000
    assert all(addresses.node_at(addresses.of(node)) == node for node in range(1000))


@pytest.mark.parametrize(("per_prefix", "prefixes"), [(1, 100), (10, 10), (200, 1)])
def test_neighbours_in_number_share_a_prefix(per_prefix: int, prefixes: int) -> None:
    addresses = Addresses(100, per_prefix)
    assert len({addresses.of(node).ip[:3] for node in range(100)}) == prefixes
    assert len({addresses.of(node).ip for node in range(100)}) == 100


def test_after_a_nat_reboot_the_old_address_reaches_nobody() -> None:
    addresses = Addresses(3)
    old = addresses.of(1)
    new = addresses.move(1)
    assert new != old
    assert addresses.node_at(old) is None
    assert addresses.node_at(new) == 1
    assert addresses.of(1) == new
    assert addresses.move(1) not in {old, new}


def test_an_address_of_nobody_is_nobody() -> None:
    assert Addresses(1).node_at(Addresses(2).of(1)) is None
