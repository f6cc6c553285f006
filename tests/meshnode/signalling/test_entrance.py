"""Which doors are told to whom, and who is sent on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from urllib.parse import parse_qs, urlsplit

import pytest

from meshnode.control.identity import KeyPair, verify
from meshnode.signalling.entrance import Entry, Onward, Scope, base_of, scope_of_host
from meshnode.signalling.passes import Passes
from support.offers import play_offer, publish_offer

WORLD = "https://live.example.org"
HERE, THERE = KeyPair.generate(), KeyPair.generate()


def passes(keys: KeyPair) -> Passes:
    return Passes(keys.node, keys.sign, verify, lambda: 1_800_000_000.0)


class Doors:
    """What one node knows."""

    def __init__(self, *others: Entry) -> None:
        self.entries = others

    def own(self, stream: str) -> Entry:
        return Entry(
            HERE.node, "http://127.0.0.1", "127.0.0.1:5000", 0.01, 1, 0.0, True
        )

    def others(self, stream: str) -> Sequence[Entry]:
        return self.entries


def entry(base: str = WORLD, slots: int = 3) -> Entry:
    return Entry(THERE.node, base, "203.0.113.7:5000", 0.02, slots, 0.25)


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("localhost", Scope.MACHINE),
        ("127.3.0.1", Scope.MACHINE),
        ("::1", Scope.MACHINE),
        ("192.168.1.9", Scope.SITE),
        ("fe80::1", Scope.SITE),
        ("203.0.113.7", Scope.WORLD),
        ("live.example.org", Scope.WORLD),
    ],
)
def test_how_far_an_address_is_good(host: str, scope: Scope) -> None:
    assert scope_of_host(host) is scope


@pytest.mark.parametrize(
    ("url", "secure", "scope", "told"),
    [
        (WORLD, True, Scope.WORLD, WORLD),
        (f"{WORLD}:8443/", True, Scope.WORLD, f"{WORLD}:8443"),
        ("http://live.example.org", True, Scope.WORLD, ""),
        ("http://live.example.org", False, Scope.WORLD, "http://live.example.org"),
        ("http://192.168.1.1", False, Scope.WORLD, ""),
        ("http://192.168.1.1", False, Scope.SITE, "http://192.168.1.1"),
        ("http://127.0.0.1:9", False, Scope.SITE, ""),
        ("http://[2001:db8::1]:80", False, Scope.WORLD, "http://[2001:db8::1]:80"),
        ("http://user@live.example.org", False, Scope.WORLD, ""),
        ("http://live.example.org/path", False, Scope.WORLD, ""),
        ("http://live.example.org?x", False, Scope.WORLD, ""),
        ("http://live.example.org:99999", False, Scope.WORLD, ""),
        ("javascript:alert(1)", False, Scope.MACHINE, ""),
        ("http://a b", False, Scope.WORLD, ""),
        ("http://[", False, Scope.WORLD, ""),
        ("https://" + "a" * 200, False, Scope.WORLD, ""),
        ("", False, Scope.MACHINE, ""),
    ],
)
def test_what_of_a_strangers_url_is_told(url, secure, scope, told) -> None:
    assert base_of(url, secure=secure, scope=scope) == told


def test_a_viewer_is_sent_on_with_a_pass_and_never_the_bearer() -> None:
    onward = Onward(Doors(entry()), passes(HERE), lambda: False)
    url = onward.url("cam", "203.0.113.1")
    assert url is not None
    assert url.startswith(f"{WORLD}/whep/cam?pass=")
    token = parse_qs(urlsplit(url).query)["pass"][0]
    assert passes(THERE).redeem(token, "cam")


def test_a_full_node_and_a_downgrade_are_no_way_on() -> None:
    full = Onward(Doors(entry(slots=0)), passes(HERE), lambda: False)
    assert full.url("cam", "203.0.113.1") is None
    plain = Onward(Doors(entry("http://live.example.org")), passes(HERE), lambda: True)
    assert plain.url("cam", "203.0.113.1") is None


@pytest.fixture
async def full(start) -> AsyncIterator[object]:
    """A node with one viewer, which is all it takes, that knows another node."""
    client = await start({"viewers_per_stream": 1})
    parts = client.node._parts
    parts.onward = Onward(Doors(entry()), passes(HERE), lambda: False)
    await client.publish(publish_offer())
    assert (await client.play(play_offer())).status == 201
    return client


async def test_a_full_node_sends_plain_clients_on(full) -> None:
    answer = await full.play(play_offer(), Authorization="Bearer s3cret")
    assert answer.status == 307
    location = answer.headers["Location"]
    assert location.startswith(f"{WORLD}/whep/demo?pass=")
    assert "s3cret" not in location


async def test_who_was_sent_here_is_not_sent_on(full) -> None:
    token = passes(THERE).issue(HERE.node, "demo")
    sent = {"Content-Type": "application/sdp"}
    path = f"/whep/demo?pass={token}"
    answer = await full.ask("POST", path, data=play_offer(), headers=sent)
    assert answer.status == 503
    again = await full.ask("POST", path, data=play_offer(), headers=sent)
    assert again.status == 307  # the pass was used up


async def test_a_draining_node_sends_viewers_on_and_publishers_away(full) -> None:
    full.node.start_draining()
    assert (await full.play(play_offer())).status == 307
    assert (await full.publish(publish_offer(), "other")).status == 503


async def test_entries_are_public_and_this_node_comes_first(full) -> None:
    answer = await full.ask("GET", "/api/entries?stream=demo")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    told = await answer.json()
    assert told["partial"] is True
    assert [each["here"] for each in told["entries"]] == [True, False]
    other = told["entries"][1]
    assert other["whep"] == f"{WORLD}/whep/demo"
    assert other["stun"] == "203.0.113.7:5000"
    assert (other["cost_ms"], other["slots"], other["load"]) == (20.0, 3, 0.25)


async def test_a_node_without_a_mesh_lists_nobody(client) -> None:
    told = await (await client.ask("GET", "/api/entries?stream=demo")).json()
    assert told["entries"] == []


async def test_entries_want_a_stream(client) -> None:
    assert (await client.ask("GET", "/api/entries")).status == 400
