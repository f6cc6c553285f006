from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import LimitError, StateError
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.lite import IceLite
from meshproto.ice.path import IceConfig, PathSelected, PathSilent
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun
from meshproto.wire import stun_attributes as attributes
from meshproto.wire import stun_binding as binding

ONE, TWO = TransportId(1), TransportId(2)
HOME, AWAY, SITE = ("192.0.2.1", 1000), ("198.51.100.1", 2000), ("2001:db8::1", 9)
PWD, PWD2 = "p" * 22, "q" * 24
serial = count(1)


def agent(**config: Any) -> IceLite:
    return IceLite(StunServer(PrefixBucket(bytes(16))), IceConfig(**config))


def ready(**config: Any) -> IceLite:
    """An agent that expects one client."""
    lite = agent(**config)
    lite.add(ONE, "ours", PWD, "theirs")
    return lite


def check(
    use_candidate: bool = False,
    username: str | None = "ours:theirs",
    pwd: str | None = PWD,
    **fields: Any,
) -> bytes:
    transaction = fields.pop("transaction", next(serial).to_bytes(12, "big"))
    return binding.request(
        transaction,
        username=username,
        key=pwd.encode() if pwd else None,
        use_candidate=use_candidate,
        **fields,
    )


def error(reply: bytes | None) -> int:
    assert reply is not None
    return binding.error_code(stun.decode(reply))[0]


class TestAnswers:
    @pytest.mark.parametrize("address", [HOME, SITE])
    def test_a_check_opens_the_transport_and_is_answered_sealed(
        self, address: tuple[str, int]
    ) -> None:
        lite = ready()
        reply, event = lite.receive(check(), address, 0.0)
        assert event == PathSelected(ONE, address)
        assert reply is not None
        read = stun.decode(reply)
        assert read.message_type == binding.SUCCESS
        assert binding.mapped_address(read) == address
        assert stun.verify(read, PWD.encode())
        assert read.has_fingerprint
        assert lite.by_address[address].path.transport == ONE
        assert not lite.refused

    def test_neither_role_nor_priority_nor_candidates_are_needed(self) -> None:
        _, event = ready().receive(check(fingerprint=False), HOME, 0.0)
        assert event == PathSelected(ONE, HOME)

    def test_what_browsers_send_besides_is_fine(self) -> None:
        datagram = check(
            priority=0x6E7F1EFF,
            controlling=77,
            use_candidate=True,
            extra=[(0xC057, b"\0\1\0\n")],
        )
        _, event = ready().receive(datagram, HOME, 0.0)
        assert event == PathSelected(ONE, HOME)

    def test_plain_requests_go_to_the_mirror(self) -> None:
        lite = ready()
        reply, event = lite.receive(
            check(username=None, pwd=None, fingerprint=False), HOME, 0.0
        )
        assert reply is not None
        assert len(reply) == 32
        assert event is None
        assert lite.server.answered == 1
        assert not lite.by_address

    @pytest.mark.parametrize(
        ("datagram", "code", "reason"),
        [
            (check(username="nobody:theirs"), 401, "ice-ufrag"),
            (check(username="ours:stranger"), 401, "ice-ufrag"),
            (check(username="ours"), 401, "ice-ufrag"),
            (check(pwd="wrong" * 5), 401, "ice-integrity"),
            (check(pwd=None), 400, "ice-half"),
            (check(username=None), 400, "ice-half"),
        ],
    )
    def test_strangers_get_an_error_shorter_than_their_request(
        self, datagram: bytes, code: int, reason: str
    ) -> None:
        lite = ready()
        reply, event = lite.receive(datagram, HOME, 0.0)
        assert error(reply) == code
        assert reply is not None
        assert len(reply) <= len(datagram)
        assert event is None
        assert lite.refused == {reason: 1}
        assert not lite.by_address

    def test_errors_to_strangers_are_limited(self) -> None:
        lite = IceLite(StunServer(PrefixBucket(bytes(16), rate_per_s=1, burst=2)))
        replies = [lite.receive(check(), HOME, 0.0)[0] for _ in range(5)]
        assert [reply is None for reply in replies] == [False, False, *[True] * 3]
        assert lite.refused == {"ice-ufrag": 5}

    def test_checks_of_clients_are_not_limited(self) -> None:
        lite = IceLite(StunServer(PrefixBucket(bytes(16), rate_per_s=1, burst=1)))
        lite.add(ONE, "ours", PWD)
        assert all(lite.receive(check(), HOME, 0.0)[0] for _ in range(20))

    def test_a_client_in_the_controlled_role_is_told_to_switch(self) -> None:
        lite = ready()
        reply, event = lite.receive(check(controlled=5), HOME, 0.0)
        assert error(reply) == binding.ROLE_CONFLICT
        assert reply is not None
        assert stun.verify(stun.decode(reply), PWD.encode())
        assert event is None
        assert not lite.by_address
        assert lite.refused == {"ice-role": 1}

    def test_attributes_that_must_be_understood_are_refused_sealed(self) -> None:
        lite = ready()
        reply, event = lite.receive(check(extra=[(0x7001, b"")]), HOME, 0.0)
        assert error(reply) == binding.UNKNOWN_ATTRIBUTE
        assert reply is not None
        assert stun.verify(stun.decode(reply), PWD.encode())
        assert event is None
        assert not lite.by_address

    @pytest.mark.parametrize(
        ("datagram", "reason"),
        [
            (b"\0", "stun-short"),
            (check()[:-4], "stun-length"),
            (stun.encode(binding.SUCCESS, bytes(12), b""), "stun-not-a-request"),
            (stun.encode(binding.INDICATION, bytes(12), b""), "stun-not-a-request"),
            (stun.encode(0x0003, bytes(12), b""), "stun-not-a-request"),
        ],
    )
    def test_anything_else_is_counted_and_nothing_more(
        self, datagram: bytes, reason: str
    ) -> None:
        lite = ready()
        assert lite.receive(datagram, HOME, 0.0) == (None, None)
        assert lite.refused == {reason: 1}
        assert not lite.by_address

    @settings(max_examples=300)
    @given(st.binary(max_size=120), st.booleans())
    def test_no_bytes_open_a_transport(self, data: bytes, framed: bool) -> None:
        lite = ready()
        if framed:
            data = stun.encode(1, bytes(12), data + bytes(-len(data) % 4))
        _, event = lite.receive(data, HOME, 0.0)
        assert event is None
        assert not lite.by_address
        assert lite.path(ONE).address is None  # type: ignore[union-attr]

    @given(st.data())
    def test_no_damaged_check_opens_a_transport(self, data: st.DataObject) -> None:
        lite = ready()
        datagram = bytearray(check(use_candidate=True))
        # the fingerprint itself protects nothing that integrity does not
        at = data.draw(st.integers(0, len(datagram) - 9))
        datagram[at] ^= data.draw(st.integers(1, 255))
        _, event = lite.receive(bytes(datagram), HOME, 0.0)
        assert event is None
        assert not lite.by_address


class TestReplays:
    def test_a_retransmission_is_answered_again_and_changes_nothing(self) -> None:
        lite = ready()
        datagram = check()
        first, _ = lite.receive(datagram, HOME, 0.0)
        again, event = lite.receive(datagram, HOME, 20.0)
        assert again == first
        assert event is None
        path = lite.path(ONE)
        assert path is not None
        assert path.last_check == 0.0  # consent needs fresh checks

    def test_a_replay_from_elsewhere_is_neither_answered_nor_believed(self) -> None:
        lite = ready()
        datagram = check(use_candidate=True)
        lite.receive(datagram, HOME, 0.0)
        assert lite.receive(datagram, AWAY, 10.0) == (None, None)
        assert lite.refused == {"ice-replayed": 1}
        assert AWAY not in lite.by_address

    def test_a_held_back_check_moves_media_only_within_the_budget(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        lite.authenticated(ONE, HOME, 0.1)
        held = check(use_candidate=True)
        _, event = lite.receive(held, AWAY, 1.0)
        assert event == PathSelected(ONE, AWAY)
        assert lite.may_send(ONE, 3 * len(held))
        assert not lite.may_send(ONE, 1)
        lite.authenticated(ONE, HOME, 1.1)
        assert not lite.may_send(ONE, 1)
        lite.authenticated(ONE, AWAY, 1.2)
        assert lite.may_send(ONE, 1 << 20)


class TestAddresses:
    def test_a_move_keeps_the_old_address_for_what_is_under_way(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        _, event = lite.receive(check(use_candidate=True), AWAY, 1.0)
        assert event == PathSelected(ONE, AWAY)
        assert set(lite.by_address) == {HOME, AWAY}

    def test_a_nominated_address_of_ours_is_an_event(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0, local="eth0")
        assert lite.receive(check(), HOME, 0.1, local="lo")[1] is None
        _, event = lite.receive(check(use_candidate=True), HOME, 0.2, local="lo")
        assert event == PathSelected(ONE, HOME)

    def test_addresses_are_capped(self) -> None:
        lite = ready(addresses_per_transport=4)
        for port in range(1, 50):
            lite.receive(check(), ("192.0.2.1", port), port * 0.01)
        path = lite.path(ONE)
        assert path is not None
        assert path.address == ("192.0.2.1", 1)
        assert len(lite.by_address) == len(path.remotes) == 4
        assert ("192.0.2.1", 49) in lite.by_address

    def test_the_address_of_a_living_client_cannot_be_taken(self) -> None:
        lite = ready()
        lite.add(TWO, "two2", PWD2)
        lite.receive(check(), HOME, 0.0)
        forged = check(True, "two2:x", PWD2)
        assert lite.receive(forged, HOME, 2.9) == (None, None)
        assert lite.refused == {"ice-address-taken": 1}
        assert lite.by_address[HOME].path.transport == ONE

    def test_the_address_of_a_silent_client_can(self) -> None:
        lite = ready()
        lite.add(TWO, "two2", PWD2)
        lite.receive(check(), HOME, 0.0)
        _, event = lite.receive(check(True, "two2:x", PWD2), HOME, 3.0)
        assert event == PathSelected(TWO, HOME)
        assert lite.by_address[HOME].path.transport == TWO
        assert not lite.may_send(ONE, 1)
        assert PathSilent(ONE, 30.0, expired=True) in lite.handle_timeout(30.0)

    def test_a_removed_transport_leaves_nothing(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        lite.receive(check(), AWAY, 0.0)
        path = lite.path(ONE)
        assert path is not None
        lite.remove(ONE)
        assert path.address is None
        assert not lite.by_address
        assert lite.path(ONE) is None
        assert error(lite.receive(check(), HOME, 0.1)[0]) == binding.UNAUTHENTICATED
        assert lite.handle_timeout(100.0) == []
        assert lite.next_timeout() is None
        lite.remove(ONE)
        lite.add(ONE, "ours", PWD)

    def test_authenticity_of_an_unknown_address_means_nothing(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        lite.authenticated(ONE, AWAY, 1.0)
        assert set(lite.by_address) == {HOME}


class TestTable:
    def test_a_full_table_names_its_limit(self) -> None:
        lite = ready(transports=1)
        with pytest.raises(LimitError, match="transports=1"):
            lite.add(TWO, "two2", PWD)

    def test_a_transport_is_added_once(self) -> None:
        with pytest.raises(StateError):
            ready().add(ONE, "two2", PWD)

    def test_a_refused_transport_is_not_there(self) -> None:
        lite = ready()
        with pytest.raises(StateError):
            lite.add(TWO, "ours", PWD)
        assert lite.path(TWO) is None

    @pytest.mark.parametrize("verb", ["may_send", "restart", "authenticated"])
    def test_unknown_transports_are_the_callers_mistake(self, verb: str) -> None:
        arguments = {
            "may_send": (1,),
            "restart": ("two2", PWD),
            "authenticated": (HOME, 0.0),
        }
        with pytest.raises(StateError):
            getattr(agent(), verb)(TWO, *arguments[verb])


class TestRestart:
    def restarted(self) -> IceLite:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        lite.authenticated(ONE, HOME, 0.0)
        lite.restart(ONE, "new1", PWD2, "them")
        return lite

    def test_both_generations_are_valid_until_the_new_one_is_used(self) -> None:
        lite = self.restarted()
        assert lite.receive(check(), HOME, 1.0)[0] is not None
        reply, _ = lite.receive(check(username="new1:them", pwd=PWD2), HOME, 2.0)
        assert reply is not None
        assert stun.verify(stun.decode(reply), PWD2.encode())
        assert error(lite.receive(check(), HOME, 3.0)[0]) == binding.UNAUTHENTICATED

    def test_each_generation_has_its_own_password(self) -> None:
        lite = self.restarted()
        mixed = check(username="new1:them", pwd=PWD)
        assert error(lite.receive(mixed, HOME, 1.0)[0]) == binding.UNAUTHENTICATED

    def test_media_goes_on_where_it_went(self) -> None:
        lite = self.restarted()
        assert lite.may_send(ONE, 1 << 20)
        _, event = lite.receive(check(username="new1:them", pwd=PWD2), HOME, 1.0)
        assert event is None
        assert lite.may_send(ONE, 1 << 20)

    def test_an_expired_transport_opens_again_by_new_credentials_only(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        lite.handle_timeout(30.0)
        assert lite.receive(check(), HOME, 31.0) == (None, None)
        assert lite.refused == {"ice-expired": 1}
        lite.restart(ONE, "new1", PWD2)
        assert error(lite.receive(check(), HOME, 32.0)[0]) == binding.UNAUTHENTICATED
        _, event = lite.receive(check(username="new1:x", pwd=PWD2), HOME, 32.0)
        assert event == PathSelected(ONE, HOME)
        assert lite.next_timeout() == 37.0


class TestTime:
    def test_an_unopened_transport_has_no_deadline(self) -> None:
        assert ready().next_timeout() is None

    def test_silence_then_the_end_of_consent(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 100.0)
        assert lite.next_timeout() == 105.0
        assert lite.handle_timeout(104.9) == []
        assert lite.handle_timeout(105.0) == [PathSilent(ONE, 5.0, expired=False)]
        events = []
        while (deadline := lite.next_timeout()) is not None:
            assert deadline > 105.0
            events += lite.handle_timeout(deadline)
        assert events == [PathSilent(ONE, 30.0, expired=True)]
        assert deadline is None
        assert not lite.by_address
        assert not lite.may_send(ONE, 1)

    def test_checks_keep_consent(self) -> None:
        lite = ready()
        for second in range(0, 200, 4):
            lite.receive(check(), HOME, float(second))
            assert lite.handle_timeout(second + 3.9) == []
        assert lite.by_address

    def test_media_keeps_the_alarm_quiet_but_not_consent(self) -> None:
        lite = ready()
        lite.receive(check(), HOME, 0.0)
        events = []
        for second in range(31):
            lite.authenticated(ONE, HOME, float(second))
            events += lite.handle_timeout(float(second))
        assert events == [PathSilent(ONE, 30.0, expired=True)]

    def test_replays_do_not_keep_consent(self) -> None:
        lite = ready()
        datagram = check()
        events = []
        for second in range(31):
            lite.receive(datagram, HOME, float(second))
            events += lite.handle_timeout(float(second))
        assert [event.expired for event in events] == [False, True]

    def test_the_silence_of_many_is_noticed_in_order(self) -> None:
        lite = agent(silence_s=2.0)
        for n in range(20):
            lite.add(TransportId(n), f"uf{n:02}", PWD)
            lite.receive(check(username=f"uf{n:02}:x"), ("192.0.2.1", n), n / 10)
        events = lite.handle_timeout(3.0)
        assert [event.transport for event in events] == list(range(11))

    def test_coming_and_going_leaves_no_deadlines_behind(self) -> None:
        lite = agent()
        for n in range(1000):
            lite.add(ONE, f"u{n:04}", PWD)
            lite.receive(check(username=f"u{n:04}:x"), HOME, n * 0.001)
            lite.remove(ONE)
        assert len(lite._wakes) < 100


def test_a_forged_attribute_behind_the_integrity_moves_nothing() -> None:
    lite = ready()
    lite.receive(check(), HOME, 0.0)
    sealed = check(fingerprint=False)
    forged = attributes.pack(attributes.USE_CANDIDATE, b"")
    length = (len(sealed) - 20 + len(forged)).to_bytes(2, "big")
    datagram = stun.seal(
        sealed[:2] + length + sealed[4:] + forged, key=None, fingerprint=True
    )
    _, event = lite.receive(datagram, AWAY, 1.0)
    assert event is None
    assert lite.path(ONE).address == HOME  # type: ignore[union-attr]
