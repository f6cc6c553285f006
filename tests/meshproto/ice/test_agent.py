"""The agent of links: who reaches whom, at what pace, and who cannot lie to it."""

from __future__ import annotations

import random
from itertools import combinations_with_replacement

import pytest

from meshproto.config.ice import AgentConfig
from meshproto.ice.events import Probed
from meshproto.ice.link_path import Association
from meshproto.ids import TransportId
from meshproto.wire import stun, stun_attributes, stun_binding
from support.ice_net import ANY, LINK, SERVER, Kind, Nat, Net, linked, pair, up

OPEN, FULL, ADDRESS, PORT, SYMMETRIC = Kind
UNREACHABLE = {(PORT, SYMMETRIC), (SYMMETRIC, SYMMETRIC)}
TREE_S = 0.25


# -- who reaches whom ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two"),
    list(combinations_with_replacement(Kind, 2)),
    ids=lambda kind: kind.value,
)
def test_which_translators_let_two_nodes_meet(one, two) -> None:
    net, first, second = linked(one, two)
    net.run(5, lambda: up(first, second))
    assert up(first, second) is ((one, two) not in UNREACHABLE)


@pytest.mark.parametrize("kind", [FULL, PORT, SYMMETRIC], ids=lambda kind: kind.value)
def test_behind_one_translator_the_direct_path_wins(kind) -> None:
    net = Net()
    nat = Nat(kind, "198.51.100.99")
    first, second = net.host(kind, nat), net.host(kind, nat)
    pair(net, first, second)
    net.run(1)
    assert first.proven[-1] == second.address
    assert second.proven[-1] == first.address


def test_between_open_nodes_one_round_trip_is_enough() -> None:
    net, first, second = linked(OPEN, OPEN, delay_s=0.05)
    assert net.run(5, lambda: up(first, second)) == pytest.approx(0.1)


def test_a_hole_is_punched_within_two_round_trips() -> None:
    net, first, second = linked(PORT, PORT, delay_s=0.05)
    assert net.run(5, lambda: up(first, second)) < 0.35


@pytest.mark.parametrize("seed", range(8))
def test_half_of_all_datagrams_may_be_lost(seed) -> None:
    net, first, second = linked(PORT, ADDRESS)
    dice = random.Random(seed)
    net.lose = lambda *_: dice.random() < 0.5
    net.run(5, lambda: up(first, second))
    assert up(first, second)


def test_the_controlling_side_settles_on_the_best_round_trip() -> None:
    """The first address that the neighbour names is a detour."""
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    detour = net.host(OPEN)
    asked: dict[bytes, tuple[str, int]] = {}

    def carry(datagram: bytes, source: tuple[str, int]) -> None:
        """A box that passes requests on to `second`, slowly, and answers back."""
        message = stun.decode(datagram)
        if source == second.address:
            back = asked.get(message.transaction_id)
            if back is not None:
                net.deliver(detour.address, back, datagram)
            return
        asked[message.transaction_id] = source
        late = net.now + 0.01
        net.at(late, lambda: net.deliver(detour.address, second.address, datagram))

    detour.receive = carry
    first.link(second, controlling=True, candidates=[detour.address, second.address])
    second.link(first, controlling=False)
    net.run(1)
    # checked first and so answered first, but not the best
    assert first.proven == [detour.address, second.address]
    assert second.path.address == first.address
    assert first.path.nominated


def test_the_pace_holds_over_all_associations() -> None:
    net = Net()
    host = net.host(OPEN)
    start = net.now
    for number in range(20):
        spec = Association(
            *(TransportId(number), f"ufrag{number}", "p" * 24, "remote", "q" * 24),
            controlling=True,
        )
        far = [("203.0.113.250", 1000 + number), ("203.0.113.251", 1000 + number)]
        host.agent.add(spec, far, net.now)
    host.flush()
    net.run(2)
    assert net.now == start + 2
    assert 60 <= net.sent <= 101


def test_checks_of_a_pair_end() -> None:
    net = Net()
    host, deaf = net.host(OPEN), net.host(OPEN)
    host.link(deaf, controlling=True)
    net.run(60)
    assert net.sent == AgentConfig().attempts
    assert host.agent.next_timeout() is None


def test_what_a_neighbour_triggers_goes_before_what_waits() -> None:
    """Seven addresses that nobody has, and the eighth checks us."""
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    dead = [("203.0.113.99", 1000 + n) for n in range(7)]
    first.link(second, controlling=True, candidates=[*dead, second.address])
    second.link(first, controlling=False)
    assert net.run(5, lambda: first.connected) < 0.09


def test_only_the_controlling_end_nominates_and_at_once_when_all_is_known() -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(5, lambda: first.connected)
    assert first.path.nominated
    net.run(5)
    nominators = {
        source
        for source, _, datagram in net.log
        if stun_attributes.USE_CANDIDATE in stun.decode(datagram).attributes
    }
    assert nominators == {first.address}
    assert not second.path.nominated


# -- liveness --------------------------------------------------------------------------


def test_every_answer_is_a_sample_of_the_round_trip() -> None:
    net, first, second = linked(OPEN, OPEN, delay_s=0.03)
    net.run(1)
    first.agent.pace(LINK, TREE_S, net.now)
    first.flush()
    first.checks.clear()
    net.run(5)
    assert 18 <= len(first.checks) <= 21
    assert first.checks == pytest.approx([0.06] * len(first.checks))
    assert 2 <= len([c for c in second.checks if c is not None]) <= 6


def test_a_missed_check_is_repeated_after_two_round_trips() -> None:
    net, first, _ = linked(OPEN, OPEN, delay_s=0.05)
    net.run(3)
    first.checks.clear()
    lost: list[float] = []

    def lose_one(host, to, datagram) -> bool:
        request = stun.decode(datagram).message_type == stun_binding.REQUEST
        if host is first and request and not lost:
            lost.append(net.now)
            return True
        return False

    net.lose = lose_one
    net.run(5, lambda: len(first.checks) >= 2)
    assert first.checks == [None, pytest.approx(0.1)]
    assert net.now == pytest.approx(lost[0] + 0.2 + 0.1)


def test_a_round_trip_that_grew_is_learned_from_late_answers() -> None:
    net, first, _ = linked(OPEN, OPEN, delay_s=0.02)
    net.run(2)
    net.delay_s = 0.2
    first.checks.clear()
    net.run(30)
    assert None in first.checks
    assert first.checks[-3:] == pytest.approx([0.4] * 3)
    assert not first.silences


@pytest.mark.parametrize(("pace_s", "silence_s"), [(TREE_S, 0.75), (2.0, 6.0)])
def test_silence_is_told_when_its_time_has_come(pace_s, silence_s) -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(1)
    first.agent.pace(LINK, pace_s, net.now)
    first.flush()
    net.run(2)
    second.alive = False
    heard_at = first.path.heard_at
    net.run(20, lambda: bool(first.silences))
    assert first.silences[0].silence_s == pytest.approx(silence_s, abs=0.1)
    assert net.now - heard_at >= silence_s
    assert first.checks[-4:] == [None] * 4


def test_anything_authentic_puts_silence_off() -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(1)
    first.agent.pace(LINK, TREE_S, net.now)
    first.flush()
    second.alive = False
    for _ in range(20):
        net.run(0.2)
        next(iter(first.path.remotes.values())).heard = net.now
    assert not first.silences
    net.run(1)
    assert first.silences


def test_a_lost_association_is_checked_once_a_second_and_resumes() -> None:
    net, first, second = linked(PORT, OPEN)
    net.run(1)
    second.alive = False
    net.run(20, lambda: bool(first.silences))
    before = net.sent
    net.run(60)
    assert 59 <= net.sent - before <= 122
    second.alive = True
    proven = len(first.proven)
    net.run(1.2)
    assert first.connected
    assert len(first.proven) == proven + 1
    assert first.checks[-1] is not None


@pytest.mark.parametrize("lost", [False, True])
def test_an_association_is_checked_at_once_where_that_is_wished(lost) -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(1.5)
    if lost:
        second.alive = False
        net.run(20, lambda: bool(first.silences))
        net.run(0.1)
        second.alive = True
    first.checks.clear()
    first.agent.check(LINK, net.now)
    first.flush()
    net.run(0.2, lambda: bool(first.checks))
    assert first.checks[0] is not None


def test_a_lost_neighbour_is_found_at_another_of_its_addresses() -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    other = ("203.0.113.77", 7000)
    first.link(second, controlling=True, candidates=[second.address, other])
    second.link(first, controlling=False)
    net.run(1)
    second.alive = False
    net.run(20, lambda: bool(first.silences))
    net.hosts[other] = second

    def moved(host, to, datagram) -> bool:
        """`second` is at its other address, and too shy to check from there."""
        request = stun.decode(datagram).message_type == stun_binding.REQUEST
        return to == second.address or (host is second and request)

    deliver = net.deliver
    net.lose = moved
    net.deliver = lambda source, to, datagram: (
        second.receive(datagram, source)
        if to == other
        else deliver(other if source == second.address else source, to, datagram)
    )
    second.alive = True
    net.run(5, lambda: first.connected)
    assert first.path.address == other


def test_keys_of_a_lost_association_are_kept_five_minutes() -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(1)
    second.alive = False
    lost = net.run(400, lambda: bool(first.silences))
    assert not first.silences[0].expired
    took = net.run(400, lambda: len(first.silences) == 2)
    assert first.silences[1].expired
    assert took == pytest.approx(300, abs=1)
    assert lost < 10
    assert first.agent.by_address == {}
    assert first.agent.next_timeout() is None


def test_nothing_is_sent_to_who_does_not_answer_for_half_a_minute() -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(1)
    assert first.path.may_send(1)
    second.alive = False
    net.run(25)
    assert not first.path.proving
    net.run(10)
    assert first.path.proving
    assert not first.path.may_send(1)
    second.alive = True
    net.run(2)
    assert not first.path.proving


# -- moves -----------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", [True, False], ids=["dialler", "dialled"])
@pytest.mark.parametrize("kind", [PORT, SYMMETRIC], ids=lambda kind: kind.value)
def test_the_path_follows_a_translator_that_restarted(dialled, kind) -> None:
    net = Net()
    moving, still = net.host(kind), net.host(OPEN)
    if dialled:
        pair(net, moving, still)
    else:
        pair(net, still, moving)
    net.run(1)
    for host in (moving, still):
        host.agent.pace(LINK, TREE_S, net.now)
        host.flush()
    net.run(1)
    before = still.proven[-1]
    moving.nat.reboot()
    net.run(2, lambda: still.proven[-1] != before)
    moved = still.proven[-1]
    assert moved != before
    assert moved[0] == moving.nat.outside
    net.run(2)
    assert not still.silences
    assert not moving.silences
    assert still.checks[-1] is not None


def test_one_failing_path_has_the_others_checked_at_once() -> None:
    """The own translator restarted: a neighbour on an idle link sees the new address
    long before its turn.
    """
    net = Net()
    moving, near, idle = net.host(SYMMETRIC), net.host(OPEN), net.host(OPEN)
    for number, still in enumerate((near, idle)):
        link = TransportId(LINK + number)
        moving.link(still, controlling=True, transport=link)
        still.link(moving, controlling=False, candidates=(), transport=link)
        net.run(1)
        pace_s = (TREE_S, 30.0)[number]
        moving.agent.pace(link, pace_s, net.now)
        still.agent.pace(link, pace_s, net.now)
    net.run(35)
    before = idle.proven[-1]
    moving.nat.reboot()
    near.alive = False
    took_s = net.run(5, lambda: idle.proven[-1] != before)
    assert took_s < 0.75


def test_a_check_from_a_new_address_begins_a_turn_at_once() -> None:
    """Idle links are checked every 2 s, but nobody waits for that here."""
    net = Net()
    moving, still = net.host(PORT), net.host(OPEN)
    pair(net, still, moving)
    net.run(3)
    still.agent.pace(LINK, 30.0, net.now)
    still.flush()
    net.run(3)
    before = still.proven[-1]
    moving.nat.reboot()
    net.run(
        5,
        lambda: any(
            a[0] == moving.nat.outside and a != before for a in still.agent.by_address
        ),
    )
    assert net.run(5, lambda: still.proven[-1] != before) < 0.5


def test_a_failing_path_is_left_for_the_runner_up() -> None:
    """Two nodes in one house: the direct path dies, the one over the street lives."""
    net = Net()
    nat = Nat(PORT, "198.51.100.99")
    first, second = net.host(PORT, nat), net.host(PORT, nat)
    pair(net, first, second)
    net.run(1)
    assert first.proven[-1] == second.address
    direct = {first.address, second.address}
    net.lose = lambda host, to, datagram: to in direct
    for host in (first, second):
        host.agent.pace(LINK, TREE_S, net.now)
        host.flush()
    net.run(2)
    assert up(first, second)
    assert first.proven[-1][0] == second.proven[-1][0] == nat.outside
    assert first.checks[-1] is not None
    assert not first.silences


def test_later_candidates_are_checked_too() -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    first.link(second, controlling=True, candidates=[])
    second.link(first, controlling=False, candidates=[])
    net.run(1)
    assert not first.connected
    first.agent.add_candidates(LINK, [second.address], net.now)
    first.flush()
    net.run(1)
    assert up(first, second)


def test_a_far_better_path_found_later_is_used_by_both() -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    slow = ("203.0.113.77", 7000)
    net.hosts[slow] = second  # another address of the same node, around the world
    deliver = net.deliver

    def around(source, to, datagram):
        if to == slow:
            net.at(net.now + 0.2, lambda: second.receive(datagram, source))
            slowly.add(stun.decode(datagram).transaction_id)
        elif stun.decode(datagram).transaction_id in slowly:
            deliver(slow, to, datagram)
        else:
            deliver(source, to, datagram)

    slowly: set[bytes] = set()
    net.deliver = around
    first.link(second, controlling=True, candidates=[slow])
    second.link(first, controlling=False, candidates=[])
    net.lose = lambda host, to, datagram: (
        host is second and stun.decode(datagram).message_type == stun_binding.REQUEST
    )
    net.run(1)
    assert first.proven == [slow]
    net.lose = lambda *_: False
    first.agent.add_candidates(LINK, [second.address], net.now)
    first.flush()
    net.run(3)
    assert first.proven == [slow, second.address]
    assert second.path.address == first.address


def test_candidates_beyond_the_limit_are_counted() -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    many = [("203.0.113.99", 1000 + n) for n in range(20)]
    first.link(second, controlling=True, candidates=many)
    net.run(10)
    assert first.agent.refused["ice-candidates"] == 1
    assert {to for _, to, _ in net.log} == set(many[:8])


# -- roles -----------------------------------------------------------------------------


@pytest.mark.parametrize("controlling", [True, False])
def test_equal_roles_are_settled_by_the_tie_breaker(controlling) -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    first.link(second, controlling=controlling)
    second.link(first, controlling=controlling)
    net.run(3)
    assert up(first, second)
    assert first.path.controlling is not second.path.controlling
    assert first.path.nominated is not second.path.nominated


# -- probes ----------------------------------------------------------------------------


def test_a_probe_measures_a_media_port_without_credentials() -> None:
    net = Net(delay_s=0.04)
    host = net.host(PORT)
    host.agent.probe(SERVER, 7, net.now)
    asked = stun.decode(host.agent.take_out()[0][2])
    assert not asked.attributes
    reply = stun_binding.success(asked, ("1.2.3.4", 5), fingerprint=False)
    message = stun.decode(reply)
    assert host.agent.receive(message, ("9.9.9.9", 9), ANY, net.now + 0.01)
    assert host.agent.receive(message, SERVER, ANY, net.now + 0.08)
    events = host.agent.take_events()
    assert events[0] == Probed(7, pytest.approx(0.08))
    assert host.agent.refused == {"probe-answer": 1}


def test_a_mapping_is_told_when_it_is_news() -> None:
    net = Net()
    host = net.host(PORT)
    for _ in range(3):
        host.probe(SERVER)
        net.run(0.2)
    assert len(host.mapped) == 1
    host.nat.reboot()
    host.probe(SERVER)
    net.run(0.2)
    assert len(host.mapped) == 2
