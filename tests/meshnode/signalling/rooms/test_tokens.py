"""Resume tokens: of one member, of one room, in time, once, and only genuine ones."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from meshnode.control.identity import verify
from meshnode.signalling.rooms.tokens import RETURN_S, Place, Session, Tokens
from meshproto.ids import NodeId
from meshproto.wire import peer_id

START_S = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = START_S

    def __call__(self) -> float:
        return self.now


class Node:
    """One node's tokens; it takes those of the nodes in `knows`."""

    def __init__(self, clock: Clock, knows: set[NodeId]) -> None:
        key = Ed25519PrivateKey.generate()
        self.id = peer_id.from_ed25519(key.public_key().public_bytes_raw())
        knows.add(self.id)
        self.tokens = Tokens(
            self.id,
            key.sign,
            lambda node, *r: node in knows and verify(node, *r),
            clock,
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def knows() -> set[NodeId]:
    return set()


@pytest.fixture
def node(clock: Clock, knows: set[NodeId]) -> Node:
    return Node(clock, knows)


def here(node: Node) -> Place:
    """Who sits since the token was issued, and still does."""
    return Place(node.tokens.now_ms())


SESSION = Session.new("green", "ann")


def test_a_token_brings_its_session_back_once(node: Node) -> None:
    place = here(node)
    token = node.tokens.issue(SESSION, place.since_ms)
    assert node.tokens.redeem(token, "green", "ann", place) == SESSION
    assert node.tokens.redeem(token, "green", "ann", place) is None
    assert node.tokens.refused == {"used": 1}


@pytest.mark.parametrize(("room", "user"), [("blue", "ann"), ("green", "ben")])
def test_a_token_is_of_one_member(node: Node, room: str, user: str) -> None:
    place = here(node)
    token = node.tokens.issue(SESSION, place.since_ms)
    assert node.tokens.redeem(token, room, user, place) is None
    assert node.tokens.redeem(token, "green", "ann", place) == SESSION


def test_it_is_good_for_two_minutes_after_its_member_left(
    node: Node, clock: Clock
) -> None:
    since_ms = node.tokens.now_ms()
    token = node.tokens.issue(SESSION, since_ms)
    clock.now += 3_600
    late, soon = (Place(since_ms, RETURN_S + more) for more in (1, -1))
    assert node.tokens.redeem(token, "green", "ann", late) is None
    assert node.tokens.redeem(token, "green", "ann", soon) == SESSION


def test_of_a_stranger_only_a_fresh_one_is_taken(node: Node, clock: Clock) -> None:
    old = node.tokens.issue(SESSION, node.tokens.now_ms())
    clock.now += RETURN_S + 1
    fresh = node.tokens.issue(SESSION, node.tokens.now_ms())
    assert node.tokens.redeem(old, "green", "ann", None) is None
    assert node.tokens.redeem(fresh, "green", "ann", None) == SESSION


def test_nothing_is_good_for_longer_than_a_day(node: Node, clock: Clock) -> None:
    place = here(node)
    token = node.tokens.issue(SESSION, place.since_ms)
    clock.now += 86_401
    assert node.tokens.redeem(token, "green", "ann", place) is None


def test_another_node_takes_it_until_the_member_sat_down_anew(
    clock: Clock, knows: set[NodeId]
) -> None:
    first, second, third = (Node(clock, knows) for _ in range(3))
    place = here(first)
    token = first.tokens.issue(SESSION, place.since_ms)
    assert second.tokens.redeem(token, "green", "ann", place) == SESSION
    clock.now += 1
    moved = here(second)
    assert third.tokens.redeem(token, "green", "ann", moved) is None
    assert third.tokens.refused == {"used": 1}


def test_tokens_of_unknown_nodes_and_altered_ones_are_worth_nothing(
    node: Node, clock: Clock
) -> None:
    place = here(node)
    foreign = Node(clock, set()).tokens.issue(SESSION, place.since_ms)
    assert node.tokens.redeem(foreign, "green", "ann", place) is None
    good = node.tokens.issue(SESSION, place.since_ms)
    altered = good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]
    assert node.tokens.redeem(altered, "green", "ann", place) is None
    assert not set(node.tokens.refused) - {"signature", "malformed"}


def test_who_was_removed_cannot_come_back(node: Node) -> None:
    place = here(node)
    token = node.tokens.issue(SESSION, place.since_ms)
    node.tokens.revoke("green", "ann")
    assert node.tokens.redeem(token, "green", "ann", place) is None
    assert node.tokens.refused == {"revoked": 1}


@given(st.text(max_size=200) | st.binary(max_size=150).map(bytes.hex))
def test_any_text_is_refused_without_raising(text: str) -> None:
    tokens = Node(Clock(), set()).tokens
    assert tokens.redeem(text, "green", "ann", None) is None
    assert set(tokens.refused) == {"malformed"}


def test_the_secret_is_in_no_repr() -> None:
    assert SESSION.secret.hex() not in repr(SESSION)
    assert repr(SESSION.secret) not in repr(SESSION)
