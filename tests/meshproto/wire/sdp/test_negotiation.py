"""Crossing offers always end in agreement, whatever the order of messages."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.sdp.negotiation import Negotiation, Phase, Verdict


class _Side:
    """One end: `wish` is what it sends, `seen` what it knows of the far end."""

    def __init__(self, *, polite: bool) -> None:
        self.machine = Negotiation(polite=polite)
        self.inbox: deque[tuple[str, int]] = deque()
        self.far: _Side
        self.wish = 0
        self.seen = 0
        self.ignored = 0
        self.rolled_back = 0

    def change(self) -> None:
        self.wish += 1
        self.machine.need()
        self._offer()

    def receive(self) -> None:
        kind, wish = self.inbox.popleft()
        if kind == "offer":
            self._on_offer(wish)
        else:
            assert self.machine.answer_arrived() is Verdict.TAKE
            self.machine.applied()
            self._offer()

    def _on_offer(self, wish: int) -> None:
        verdict = self.machine.offer_arrived()
        assert verdict is not Verdict.UNEXPECTED
        self.rolled_back += verdict is Verdict.ROLL_BACK_AND_TAKE
        if verdict is Verdict.IGNORE:
            self.ignored += 1
            return
        self.seen = wish
        self.far.inbox.append(("answer", self.wish))
        self.machine.answered()
        self._offer()

    def _offer(self) -> None:
        if self.machine.offer():
            self.far.inbox.append(("offer", self.wish))


def _pair() -> tuple[_Side, _Side]:
    node, client = _Side(polite=True), _Side(polite=False)
    node.far, client.far = client, node
    return node, client


def _drain(*sides: _Side) -> None:
    for _ in range(10_000):
        waiting = [side for side in sides if side.inbox]
        if not waiting:
            return
        waiting[0].receive()
    raise AssertionError("the exchange never ended")


def _agreed(one: _Side, other: _Side) -> bool:
    stable = one.machine.phase is other.machine.phase is Phase.STABLE
    return stable and one.seen == other.wish and other.seen == one.wish


def test_forced_glare_200_times_converges() -> None:
    node, client = _pair()
    for _ in range(200):
        node.change()
        client.change()
        _drain(node, client)
        assert _agreed(node, client)
    assert node.rolled_back == client.ignored == 200


@given(st.lists(st.integers(0, 3), max_size=80))
def test_any_interleaving_converges(steps: list[int]) -> None:
    node, client = _pair()
    for step in steps:
        side = (node, client)[step % 2]
        if step < 2:
            side.change()
        elif side.inbox:
            side.receive()
    _drain(node, client)
    assert _agreed(node, client)


def test_changes_during_an_exchange_become_one_offer() -> None:
    machine = Negotiation()
    assert machine.need()
    assert machine.offer()
    assert not machine.need()
    assert not machine.need()
    assert not machine.offer()
    assert machine.applied()
    assert machine.offer()
    assert not machine.applied()
    assert machine.phase is Phase.STABLE


def test_an_answer_may_say_all_that_was_owed() -> None:
    machine = Negotiation()
    machine.need()
    machine.offer_arrived()
    assert machine.answered(), "the answer had no room for it"
    machine.offer_arrived()
    assert not machine.answered(met=True)
    assert not machine.offer()


def test_candidates_of_an_ignored_offer_are_not_heeded() -> None:
    machine = Negotiation(polite=False)
    machine.need()
    machine.offer()
    assert machine.heeds_candidates()
    assert machine.offer_arrived() is Verdict.IGNORE
    assert not machine.heeds_candidates()
    machine.applied()
    assert machine.heeds_candidates()


def test_an_abandoned_offer_is_not_repeated() -> None:
    machine = Negotiation()
    machine.need()
    machine.offer()
    assert not machine.abandon()
    assert machine.phase is Phase.STABLE
    assert machine.need()


def test_an_answer_to_nothing_changes_nothing() -> None:
    machine = Negotiation()
    assert machine.answer_arrived() is Verdict.UNEXPECTED
    assert not machine.applied()
    assert machine.phase is Phase.STABLE


def test_a_second_offer_before_our_answer_is_unexpected() -> None:
    machine = Negotiation()
    assert machine.offer_arrived() is Verdict.TAKE
    assert machine.offer_arrived() is Verdict.UNEXPECTED


@pytest.mark.parametrize("late", ["answered", "applied", "abandon", "need", "offer"])
def test_nothing_is_offered_after_closing(late: str) -> None:
    machine = Negotiation()
    machine.need()
    machine.offer()
    machine.need()
    machine.close()
    assert getattr(machine, late)() is False
    assert machine.offer_arrived() is Verdict.UNEXPECTED
    assert not machine.heeds_candidates()
