from __future__ import annotations

import random

import pytest

from meshnode.control.bootstrap import Bootstraps, parse_bootstrap
from meshnode.control.identity import KeyPair
from meshnode.control.libp2p.multiaddress import Multiaddress
from meshproto.errors import StateError
from meshproto.wire import peer_id

NODE = KeyPair(bytes(32)).node
OTHER = KeyPair(bytes(range(32))).node
ID = peer_id.to_text(NODE)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("live.example.org", "/dns/live.example.org/tcp/5000"),
        ("live.example.org:6000", "/dns/live.example.org/tcp/6000"),
        ("203.0.113.7", "/ip4/203.0.113.7/tcp/5000"),
        ("203.0.113.7:1", "/ip4/203.0.113.7/tcp/1"),
        ("2001:db8::1", "/ip6/2001:db8::1/tcp/5000"),
        ("[2001:db8::1]", "/ip6/2001:db8::1/tcp/5000"),
        ("[2001:db8::1]:65535", "/ip6/2001:db8::1/tcp/65535"),
        ("localhost", "/dns/localhost/tcp/5000"),
        ("/ip4/203.0.113.7/tcp/5000", "/ip4/203.0.113.7/tcp/5000"),
        ("/dns4/a.example/tcp/9/", "/dns4/a.example/tcp/9"),
        (f"203.0.113.7/p2p/{ID}", f"/ip4/203.0.113.7/tcp/5000/p2p/{ID}"),
        (f"[::1]:7/p2p/{ID}", f"/ip6/::1/tcp/7/p2p/{ID}"),
        (f"/ip6/::1/tcp/7/p2p/{ID}", f"/ip6/::1/tcp/7/p2p/{ID}"),
        (" host ", "/dns/host/tcp/5000"),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, means: str) -> None:
    assert str(parse_bootstrap(text)) == means


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5000",
        "host:",
        "host:0",
        "host:65536",
        "host:5000:6000x",
        "host:five",
        "host:²",
        "[::1",
        "[::1]5000",
        "[host]:5000x",
        "ho st",
        "https://host",
        "/ip4/203.0.113.7/udp/5000/quic-v1",
        "/ip4/host/tcp/5000",
        "/ip6/203.0.113.7/tcp/5000",
        "host/p2p/12D3KooWtooShort",
        "host/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        "x" * 300,
        f"/ip4/1.2.3.4/tcp/5/p2p/{ID}/p2p-circuit/p2p/{ID}",
    ],
)
def test_anything_else_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(StateError) as caught:
        parse_bootstrap(text)
    assert str(caught.value) == (
        f"--bootstrap {text!r} should be HOST, HOST:PORT, [IPV6]:PORT or"
        " /ip4/HOST/tcp/PORT/p2p/ID"
    )


def three() -> tuple[Bootstraps, list[Multiaddress]]:
    places = [parse_bootstrap(f"10.0.0.{n}") for n in range(1, 4)]
    return Bootstraps([*places, places[0]], random.Random(1), 100.0), places


def test_all_are_dialled_at_once_and_none_twice() -> None:
    machine, places = three()
    assert machine.next_timeout() == 100.0
    assert machine.due(100.0) == places
    assert machine.due(100.0) == []
    assert machine.next_timeout() is None


def test_a_failed_one_is_tried_for_ever_with_growing_pauses_drawn_by_lot() -> None:
    machine, places = three()
    machine.due(100.0)
    now, pauses = 100.0, []
    for _ in range(200):
        machine.failed(places[0], "refused", now)
        machine.complaint(False, now)
        later = machine._targets[places[0]].due
        assert later is not None
        assert machine.due(later - 0.001) == []
        assert machine.due(later) == [places[0]]
        pauses.append(later - now)
        now = later
    assert 0.5 <= pauses[0] <= 1
    assert 1 <= pauses[1] <= 2
    assert all(30 <= pause <= 60 for pause in pauses[7:])
    assert len({round(pause, 6) for pause in pauses[7:]}) > 150


def test_an_id_that_was_learned_is_news_once_and_demanded_afterwards() -> None:
    machine, places = three()
    machine.due(100.0)
    assert machine.connected(places[0], NODE) is True
    machine.lost(NODE, 200.0)
    (again,) = machine.due(202.0)
    assert again == Multiaddress("ip4", "10.0.0.1", 5000, NODE)
    assert machine.connected(again, NODE) is False
    assert machine.due(1000.0) == []


def test_a_lost_node_is_dialled_again_soon_and_only_it() -> None:
    machine, places = three()
    machine.due(100.0)
    machine.connected(places[0], NODE)
    machine.connected(places[1], OTHER)
    machine.lost(OTHER, 200.0)
    assert 200.0 <= (machine.next_timeout() or 0) <= 201.0
    assert [place.host for place in machine.due(201.0)] == ["10.0.0.2"]
    machine.lost(OTHER, 202.0)
    machine.lost(KeyPair.generate().node, 202.0)


def test_who_serves_alone_says_so_each_minute_until_somebody_answers() -> None:
    machine, places = three()
    machine.due(100.0)
    assert machine.complaint(True, 100.0) is None
    machine.failed(places[0], "refused", 101.0)
    assert machine.complaint(True, 101.0) == (
        "no bootstrap node answers, serving alone: /ip4/10.0.0.1/tcp/5000 (refused)"
    )
    assert machine.complaint(True, 102.0) is None
    assert (machine.next_timeout() or 1e9) <= 161.0
    machine.failed(places[1], "timeout", 150.0)
    said = machine.complaint(True, 161.0)
    assert said is not None
    assert said.endswith("(refused), /ip4/10.0.0.2/tcp/5000 (timeout)")
    assert machine.complaint(False, 221.0) is None
    machine.due(300.0)
    machine.connected(places[2], NODE)
    assert machine.complaint(True, 500.0) is None
    machine.failed(places[0], "refused", 501.0)
    assert machine.complaint(True, 600.0) is None


def test_an_address_that_was_not_due_is_misuse() -> None:
    machine, _ = three()
    with pytest.raises(StateError, match="was not due"):
        machine.failed(parse_bootstrap("elsewhere"), "refused", 1.0)
