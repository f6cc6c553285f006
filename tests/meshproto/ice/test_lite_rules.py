"""Any sequence of checks, replays, media and silence: what must always hold."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.lite import IceLite
from meshproto.ice.path import IceConfig, PathSilent
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun_binding as binding

ONE = TransportId(1)
PWD = "p" * 22
serial = count(1)


def expecting() -> IceLite:
    """An agent that expects one client, with a memory longer than any run here."""
    config = IceConfig(addresses_per_transport=3, remembered_checks=1000)
    lite = IceLite(StunServer(PrefixBucket(bytes(16))), config)
    lite.add(ONE, "ours", PWD, "theirs")
    return lite


def check(nominated: bool) -> bytes:
    return binding.request(
        next(serial).to_bytes(12, "big"),
        username="ours:theirs",
        key=PWD.encode(),
        use_candidate=nominated,
    )


class Client(RuleBasedStateMachine):
    """A client that moves, checks, is replayed and falls silent, and what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.lite = expecting()
        self.now = 0.0
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.last_check = 0.0

    def addressed(self, port: int) -> tuple[str, int]:
        return ("192.0.2.1", port)

    @rule(port=st.integers(1, 6), nominated=st.booleans())
    def checks(self, port: int, nominated: bool) -> None:
        path = self.lite.path(ONE)
        assert path is not None
        before, expired = path.address, path.expired
        datagram = check(nominated)
        reply, event = self.lite.receive(datagram, self.addressed(port), self.now)
        assert (reply is None) == expired
        if expired:
            return
        self.last_check = self.now
        self.sent.append((datagram, self.addressed(port)))
        assert path.address == (event.address if event else before)  # type: ignore[union-attr]
        if nominated or before is None:
            assert path.address == self.addressed(port)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), port=st.integers(1, 6))
    def is_replayed(self, data: st.DataObject, port: int) -> None:
        path = self.lite.path(ONE)
        assert path is not None
        datagram, _ = data.draw(st.sampled_from(self.sent))
        before = path.address, path.last_check, set(self.lite.by_address)
        _, event = self.lite.receive(datagram, self.addressed(port), self.now)
        assert event is None
        after = path.address, path.last_check, set(self.lite.by_address)
        assert after == before

    @rule(seconds=st.floats(0.01, 12))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for event in self.lite.handle_timeout(self.now):
            assert isinstance(event, PathSilent)
            limit_s = 30.0 if event.expired else 5.0
            assert event.silence_s >= limit_s - 1e-9

    @rule(port=st.integers(1, 6))
    def sends_media(self, port: int) -> None:
        self.lite.authenticated(ONE, self.addressed(port), self.now)

    @invariant()
    def addresses_are_bounded_and_consistent(self) -> None:
        path = self.lite.path(ONE)
        assert path is not None
        assert len(path.remotes) <= 3
        assert {r.address: r for r in self.lite.by_address.values()} == path.remotes
        assert path.address is None or path.address in path.remotes
        assert (path.selected is None) == (path.address is None)

    @invariant()
    def nothing_is_sent_without_consent(self) -> None:
        if self.now - self.last_check >= 30.0:
            assert not self.lite.may_send(ONE, 1)


@pytest.mark.untraced
def test_whatever_a_client_does_the_rules_hold() -> None:
    run_state_machine_as_test(
        Client, settings=settings(max_examples=60, stateful_step_count=40)
    )
