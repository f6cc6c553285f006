"""Which router is asked, read from the kernel's table."""

from __future__ import annotations

from pathlib import Path

from meshnode.control.mapping.gateway import default_route, find

HEAD = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT"
)


def table(*rows: str) -> str:
    return "\n".join([HEAD, *("\t".join(row.split()) for row in rows), ""])


DEFAULT = "eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0"
BETTER = "wlan0 00000000 FE0200C0 0003 0 0 50 00000000 0 0 0"
LOCAL = "eth0 000200C0 00000000 0001 0 0 100 00FFFFFF 0 0 0"
DOWN = "eth1 00000000 010200C0 0002 0 0 1 00000000 0 0 0"
HALF = "tun0 00000000 0104A8C0 0003 0 0 0 00000080 0 0 0"


def test_the_default_route_has_the_gateway() -> None:
    assert default_route(table(LOCAL, DEFAULT)) == "192.0.2.1"


def test_the_least_metric_wins() -> None:
    assert default_route(table(DEFAULT, BETTER)) == "192.0.2.254"


def test_routes_that_are_down_or_for_a_part_do_not_count() -> None:
    assert default_route(table(LOCAL, DOWN, HALF)) is None


def test_nonsense_is_passed_over() -> None:
    assert default_route(table("eth0 zz", "eth0 0 FFFFFFFFFF 3 0 0 0 0")) is None
    assert default_route("") is None


def test_no_table_is_no_gateway(tmp_path: Path) -> None:
    assert find(tmp_path / "route") is None


def test_the_own_address_is_the_one_that_the_gateway_sees(tmp_path: Path) -> None:
    # a gateway that is this machine, so that it is routed to everywhere
    (tmp_path / "route").write_text(table("lo 00000000 0100007F 0003 0 0 0 00000000"))
    found = find(tmp_path / "route")
    assert found is not None
    assert (found.address, found.own) == ("127.0.0.1", "127.0.0.1")
