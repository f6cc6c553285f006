"""Which addresses are named, and in which order."""

from __future__ import annotations

from meshnode.node.addresses import advertised, for_client, local_addresses

WILD = (("0.0.0.0", 5000), ("::", 5000))
MACHINE = (
    "127.0.0.1",
    "::1",
    "192.168.1.7",
    "9.9.9.9",
    "fd00::2",
    "2620:fe::fe",
)


def hosts(addresses: tuple[tuple[str, int], ...]) -> list[str]:
    return [host for host, _ in addresses]


def test_public_ipv6_then_public_ipv4_then_private_ones() -> None:
    named = advertised(WILD, machine=MACHINE)
    assert hosts(named) == ["2620:fe::fe", "9.9.9.9", "192.168.1.7", "fd00::2"]
    assert {port for _, port in named} == {5000}


def test_loopback_comes_last_and_only_when_allowed() -> None:
    named = hosts(advertised(WILD, machine=MACHINE, loopback=True))
    assert named[-2:] == ["127.0.0.1", "::1"]
    assert "127.0.0.1" not in hosts(advertised(WILD, machine=MACHINE))


def test_what_the_operator_calls_public_comes_first() -> None:
    named = advertised(WILD, machine=MACHINE, public=("203.0.113.4", "9.9.9.9"))
    assert hosts(named)[:3] == ["203.0.113.4", "9.9.9.9", "2620:fe::fe"]
    assert hosts(named).count("9.9.9.9") == 1


def test_an_exact_list_replaces_everything_found() -> None:
    exact = ("192.0.2.1", "2001:db8::1")
    named = advertised(WILD, machine=MACHINE, public=("203.0.113.4",), exact=exact)
    assert hosts(named) == list(exact)


def test_a_socket_bound_to_one_address_is_named_by_it() -> None:
    named = advertised((("192.168.1.7", 7000),), machine=MACHINE, loopback=True)
    assert named == (("192.168.1.7", 7000),)


def test_an_address_family_without_a_socket_is_not_named() -> None:
    ipv4 = advertised((("0.0.0.0", 5000),), machine=MACHINE, public=("2001:db8::1",))
    assert hosts(ipv4) == ["9.9.9.9", "192.168.1.7"]


def test_a_client_on_this_machine_gets_loopback_first() -> None:
    named = advertised(WILD, machine=MACHINE, loopback=True)
    here = for_client(named, here=True)
    assert hosts(here)[:2] == ["127.0.0.1", "::1"]
    assert sorted(here) == sorted(named)
    assert for_client(named, here=False) == named


def test_the_list_is_bounded() -> None:
    many = [*(f"10.0.{n}.1" for n in range(200)), "127.0.0.1"]
    named = advertised(WILD, machine=many, loopback=True)
    assert len(for_client(named, here=False)) == 16
    assert hosts(for_client(named, here=True))[0] == "127.0.0.1"


def test_this_machine_has_loopback_and_no_link_local_address() -> None:
    found = local_addresses()
    assert "127.0.0.1" in found
    assert not [address for address in found if address.startswith("fe80")]


def test_what_the_router_granted_comes_first_under_its_own_port() -> None:
    mapped = [("9.9.9.9", 5000), ("203.0.113.4", 5007)]
    named = advertised(WILD, machine=MACHINE, public=("203.0.113.4",), mapped=mapped)
    assert named[:3] == (*mapped, ("203.0.113.4", 5000))
    assert named.count(("9.9.9.9", 5000)) == 1
    exact = advertised(WILD, machine=MACHINE, exact=("192.0.2.1",), mapped=mapped)
    assert exact == (("192.0.2.1", 5000),)
