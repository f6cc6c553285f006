"""Who is here (RFC 0009 section 9)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from meshproto.config.directory import PresenceConfig
from meshproto.config.gossip import PRESENCE_TOPIC
from meshproto.events import Refused
from meshproto.gossip.presence import Presence
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery
from meshproto.ids import NodeId
from meshproto.outputs import Outbox
from meshproto.wire.control.peer import PeerRecord, build_peer, parse_peer
from support.gossip import node_id, record_of, seal, verify


def record(node: NodeId, version: int = 1) -> PeerRecord:
    bare = replace(parse_peer(record_of(node)), version=version)
    return replace(bare, signature=seal(node, bare.signed_part()))


class Rig:
    def __init__(self, seed: int = 1, **options: Any) -> None:
        self.box = Outbox()
        self.told: list[tuple[float, bytes]] = []
        self.now = 0.0
        self.presence = Presence(
            PresenceConfig(**options),
            self.box,
            random.Random(seed),
            verify,
            lambda: record(node_id(0)),
            lambda data, now: self.told.append((now, data)),
        )

    def bring(self, data: bytes, author: int, number: int = 1) -> Verdict:
        node = node_id(author)
        told = Delivery(PRESENCE_TOPIC, data, node, node + number.to_bytes(8, "big"))
        return self.presence.deliver(told, self.now)

    def hear(self, author: int, version: int = 1) -> Verdict:
        return self.bring(build_peer(record(node_id(author), version)), author)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.presence.next_timeout()) is not None and at <= end:
            self.now = at
            self.presence.handle_timeout(at)
        self.now = end

    def listed(self) -> list[NodeId]:
        return [one.node for one in self.presence.listed()]

    def refusals(self) -> list[str]:
        found = []
        while (event := self.box.poll()) is not None:
            assert isinstance(event, Refused)
            found.append(event.reason)
        return found


def test_who_enlists_is_told_soon_and_every_ten_minutes() -> None:
    rig = Rig()
    rig.presence.enlist(rig.now)
    rig.presence.enlist(rig.now)
    rig.pass_time(6_000.0)
    assert 10 <= len(rig.told) <= 12
    assert 2.0 <= rig.told[0][0] <= 6.0
    assert parse_peer(rig.told[0][1]).node == node_id(0)
    rig.presence.withdraw()
    rig.told.clear()
    rig.pass_time(6_000.0)
    assert rig.told == []


def test_a_node_is_listed_until_it_was_silent_for_three_intervals() -> None:
    rig = Rig()
    assert rig.hear(1) is Verdict.ACCEPT
    rig.pass_time(1_900.0)
    assert rig.listed() == [node_id(1)]
    assert rig.hear(1, 2) is Verdict.ACCEPT
    rig.pass_time(1_900.0)
    assert rig.listed() == [node_id(1)]
    rig.pass_time(100.0)
    assert rig.listed() == []
    assert rig.presence.next_timeout() is None


def test_what_is_not_newer_is_not_passed_on() -> None:
    rig = Rig()
    rig.hear(1, 2)
    assert rig.hear(1, 2) is Verdict.IGNORE
    assert rig.hear(1, 1) is Verdict.IGNORE
    assert rig.refusals() == []


def test_forgeries_are_rejected() -> None:
    rig = Rig()
    assert rig.bring(b"\xc1", 1) is Verdict.REJECT
    assert rig.bring(record_of(node_id(2)), 1) is Verdict.REJECT
    assert rig.bring(record_of(node_id(1), node_id(2)), 1) is Verdict.REJECT
    assert rig.refusals() == ["peer-msgpack", "presence-author", "presence-signature"]
    assert rig.listed() == []


def test_who_speaks_too_often_is_not_passed_on() -> None:
    rig = Rig()
    verdicts = [rig.hear(1, version) for version in range(1, 8)]
    assert verdicts == [Verdict.ACCEPT] * 4 + [Verdict.IGNORE] * 3
    assert rig.refusals() == ["presence-flood"] * 3


def test_a_full_list_is_a_sample_that_does_not_depend_on_the_order() -> None:
    one, other = Rig(listed_max=20), Rig(listed_max=20)
    for number in range(1, 200):
        one.hear(number)
        other.hear(200 - number)
    assert len(one.listed()) == 20
    assert set(one.listed()) == set(other.listed())
    assert set(one.listed()) != set(Rig(2, listed_max=20).listed())


def test_the_sample_is_another_one_elsewhere() -> None:
    one, other = Rig(1, listed_max=20), Rig(2, listed_max=20)
    for number in range(1, 200):
        one.hear(number)
        other.hear(number)
    assert set(one.listed()) != set(other.listed())


def test_a_sample_tells_how_many_there_are() -> None:
    rig = Rig(listed_max=100)
    for number in range(1, 51):
        rig.hear(number)
    assert rig.presence.population() == 50
    for number in range(51, 1_001):
        rig.hear(number)
    assert 700 < rig.presence.population() < 1_400


@pytest.mark.untraced
def test_the_more_are_listed_the_less_often_each_may_speak() -> None:
    rig = Rig(listed_max=100)
    assert rig.presence.interval_s() == 600.0
    for number in range(1, 2_001):
        rig.hear(number)
    octets = rig.presence.population() * 450 * 6
    assert rig.presence.interval_s() == octets / 1_000.0
    assert rig.presence.interval_s() > 3_000.0
