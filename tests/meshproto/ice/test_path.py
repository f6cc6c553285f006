from __future__ import annotations

from itertools import count

import pytest

from meshproto.errors import StateError
from meshproto.ice.path import ClientPath, IceConfig, PathSelected, PathSilent, Remote
from meshproto.ids import TransportId

CLIENT = TransportId(7)
HOME, AWAY = ("192.0.2.1", 1000), ("198.51.100.1", 2000)
CHECK = 100
serial = count()


def remote(path: ClientPath, address: tuple[str, int], now: float = 0.0) -> Remote:
    return path.remotes.setdefault(address, Remote(path, address, now))


def check(
    path: ClientPath,
    address: tuple[str, int],
    now: float,
    nominated: bool = False,
) -> PathSelected | None:
    transaction = next(serial).to_bytes(12, "big")
    return path.checked(remote(path, address), transaction, nominated, CHECK, now)


def proven(now: float = 0.0) -> ClientPath:
    """A path to HOME whose handshake is done."""
    path = ClientPath(CLIENT, IceConfig())
    check(path, HOME, now)
    path.prove(remote(path, HOME))
    return path


class TestSelection:
    def test_the_first_check_selects_without_nomination(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        assert path.address is None
        assert check(path, HOME, 0.0) == PathSelected(CLIENT, HOME)
        assert path.address == HOME

    def test_a_plain_check_from_elsewhere_moves_nothing(self) -> None:
        path = proven()
        assert check(path, AWAY, 1.0) is None
        assert path.address == HOME

    def test_a_nominating_check_moves(self) -> None:
        path = proven()
        assert check(path, AWAY, 1.0, nominated=True) == PathSelected(CLIENT, AWAY)
        assert path.address == AWAY

    def test_a_nominating_check_from_the_selected_address_changes_nothing(self) -> None:
        path = proven()
        assert check(path, HOME, 1.0, nominated=True) is None
        assert not path.proving

    def test_another_address_of_ours_is_followed_without_a_new_proof(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        path.checked(remote(path, HOME), b"1" * 12, False, CHECK, 0.0, local="eth0")
        path.prove(remote(path, HOME))
        plain = path.checked(
            remote(path, HOME), b"2" * 12, False, CHECK, 0.1, local="lo"
        )
        assert plain is None
        assert path.local == "eth0"
        turned = path.checked(
            remote(path, HOME), b"3" * 12, True, CHECK, 0.2, local="lo"
        )
        assert turned == PathSelected(CLIENT, HOME)
        assert path.local == "lo"
        assert not path.proving
        again = path.checked(
            remote(path, HOME), b"4" * 12, True, CHECK, 0.3, local="lo"
        )
        assert again is None

    @pytest.mark.parametrize(("silence_s", "moves"), [(2.9, False), (3.0, True)])
    def test_silence_lets_a_plain_check_move(
        self, silence_s: float, moves: bool
    ) -> None:
        path = proven()
        assert (check(path, AWAY, silence_s) is not None) == moves

    def test_media_from_the_selected_address_is_no_silence(self) -> None:
        path = proven()
        remote(path, HOME).heard = 10.0
        assert check(path, AWAY, 12.0) is None


class TestBudget:
    def test_nothing_limits_a_proven_address(self) -> None:
        path = proven()
        assert not path.proving
        assert path.may_send(1 << 30)

    def test_before_the_handshake_there_is_nothing_to_limit(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        check(path, HOME, 0.0)
        assert path.proving
        assert path.may_send(100_000)

    def test_after_a_move_three_times_the_check_may_be_sent(self) -> None:
        path = proven()
        check(path, AWAY, 1.0, nominated=True)
        assert path.proving
        assert path.may_send(2 * CHECK)
        assert not path.may_send(CHECK + 1)
        assert path.may_send(CHECK)
        assert not path.may_send(1)

    def test_what_arrives_from_there_adds_to_it(self) -> None:
        path = proven()
        check(path, AWAY, 1.0, nominated=True)
        assert path.may_send(3 * CHECK)
        path.received(remote(path, AWAY), 50)
        assert path.may_send(150)
        assert not path.may_send(1)
        check(path, AWAY, 1.5)
        assert path.may_send(3 * CHECK)

    def test_what_arrives_from_elsewhere_does_not(self) -> None:
        path = proven()
        check(path, AWAY, 1.0, nominated=True)
        path.received(remote(path, HOME), 5000)
        assert not path.may_send(3 * CHECK + 1)

    def test_only_an_authenticated_record_from_there_lifts_it(self) -> None:
        path = proven()
        check(path, AWAY, 1.0, nominated=True)
        path.prove(remote(path, HOME))
        assert path.proving
        path.prove(remote(path, AWAY))
        assert not path.proving
        assert path.may_send(1 << 20)

    def test_a_move_back_has_to_be_proven_again(self) -> None:
        path = proven()
        check(path, AWAY, 1.0, nominated=True)
        check(path, HOME, 2.0, nominated=True)
        assert path.proving
        assert not path.may_send(3 * CHECK + 1)

    def test_the_end_of_the_handshake_proves_where_its_last_datagram_came_from(
        self,
    ) -> None:
        path = ClientPath(CLIENT, IceConfig())
        check(path, HOME, 0.0)
        path.received_dtls(remote(path, HOME), 200)
        path.handshake_done()
        assert not path.proving

    def test_a_handshake_that_ended_elsewhere_starts_the_budget(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        check(path, HOME, 0.0)
        path.received_dtls(remote(path, HOME), 200)
        check(path, AWAY, 0.1, nominated=True)
        path.handshake_done()
        assert path.proving
        assert not path.may_send(3 * CHECK + 1)

    def test_what_was_sent_before_the_handshake_ended_is_spent(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        check(path, HOME, 0.0)
        check(path, AWAY, 0.1, nominated=True)
        path.may_send(780)
        path.prove(remote(path, HOME))
        assert not path.may_send(1)

    def test_without_any_dtls_the_handshake_proves_nothing(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        check(path, HOME, 0.0)
        path.handshake_done()
        assert path.proving


class TestMemory:
    def test_checks_are_remembered_with_their_address(self) -> None:
        path = ClientPath(CLIENT, IceConfig())
        path.checked(remote(path, HOME), b"a" * 12, False, CHECK, 0.0)
        assert path.seen_from(b"a" * 12) == HOME
        assert path.seen_from(b"b" * 12) is None

    def test_the_memory_is_bounded_and_drops_the_oldest(self) -> None:
        path = ClientPath(CLIENT, IceConfig(remembered_checks=3))
        ids = [bytes((n,)) * 12 for n in range(5)]
        for number in ids:
            path.checked(remote(path, HOME), number, False, CHECK, 0.0)
        assert [path.seen_from(number) for number in ids] == [None, None, *[HOME] * 3]

    def test_room_for_addresses_is_made_by_the_longest_silent(self) -> None:
        path = ClientPath(CLIENT, IceConfig(addresses_per_transport=3))
        check(path, HOME, 0.0)
        check(path, AWAY, 1.0)
        assert path.spare() is None
        check(path, ("203.0.113.1", 3), 2.0)
        spare = path.spare()
        assert spare is not None
        assert spare.address == AWAY  # HOME is older, but selected

    def test_a_move_needs_room_for_two(self) -> None:
        with pytest.raises(StateError):
            IceConfig(addresses_per_transport=1)
        with pytest.raises(StateError):
            IceConfig(remembered_checks=0)

    def test_a_forgotten_selected_address_is_selected_anew(self) -> None:
        path = proven()
        path.forget(remote(path, HOME))
        assert path.address is None
        assert check(path, AWAY, 1.0) == PathSelected(CLIENT, AWAY)
        path.forget(Remote(path, HOME, 0.0))
        assert path.address == AWAY


class TestTime:
    def test_the_alarm_rings_once_for_a_silence(self) -> None:
        path = proven(now=0.0)
        assert path.alarm(4.9) is None
        assert path.alarm(5.0) == PathSilent(CLIENT, 5.0, expired=False)
        assert path.alarm(9.0) is None
        remote(path, HOME).heard = 10.0
        assert path.alarm(15.0) == PathSilent(CLIENT, 5.0, expired=False)

    def test_anything_from_any_address_keeps_it_quiet(self) -> None:
        path = proven(now=0.0)
        check(path, AWAY, 2.0)
        remote(path, AWAY).heard = 4.0
        assert path.heard == 4.0
        assert path.alarm(5.0) is None

    def test_the_next_look_is_at_the_alarm_or_the_end_of_consent(self) -> None:
        path = proven(now=0.0)
        assert path.wake_at(0.0) == 5.0
        assert path.wake_at(6.0) == 11.0
        assert path.wake_at(27.0) == 30.0

    def test_media_does_not_prolong_consent(self) -> None:
        path = proven(now=0.0)
        remote(path, HOME).heard = 29.0
        assert path.consent_until == 30.0

    def test_an_expired_path_sends_nowhere(self) -> None:
        path = proven(now=0.0)
        assert path.expire(31.0) == PathSilent(CLIENT, 31.0, expired=True)
        assert path.address is None
        assert path.expired


def test_it_can_be_read_in_a_log() -> None:
    path = ClientPath(CLIENT, IceConfig())
    assert repr(path) == "<ClientPath 7 to None proving>"
    check(path, HOME, 0.0)
    path.prove(remote(path, HOME))
    assert repr(path) == "<ClientPath 7 to ('192.0.2.1', 1000) proven>"
    assert "192.0.2.1" in repr(remote(path, HOME))
    path.expire(40.0)
    assert repr(path).endswith("expired>")
