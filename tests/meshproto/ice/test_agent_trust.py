"""What nobody can make the agent of links do: replays, forgeries, floods, misuse."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.config.ice import AgentConfig
from meshproto.errors import DecodeError, LimitError, StateError
from meshproto.ice.agent import IceAgent
from meshproto.ice.events import Local
from meshproto.ice.link_path import Association
from meshproto.ids import TransportId
from meshproto.wire import stun, stun_binding
from support.ice_net import ANY, LINK, SERVER, Kind, Net, linked, up

OPEN, _, ADDRESS, PORT, _ = Kind


# -- lies ------------------------------------------------------------------------------


def checks_in(net, to) -> list[tuple]:
    return [
        entry
        for entry in net.log
        if entry[1] == to and stun.decode(entry[2]).message_type == stun_binding.REQUEST
    ]


def test_a_replayed_check_moves_nothing_and_is_not_answered() -> None:
    net, first, second = linked(OPEN, OPEN)
    net.run(1)
    _, _, check = checks_in(net, second.address)[-1]
    victim = ("203.0.113.200", 9)
    before = net.sent
    for _ in range(10):
        second.receive(check, victim)
    assert net.sent == before
    assert second.agent.refused["ice-replayed"] == 10
    assert victim not in second.agent.by_address
    assert second.proven == [first.address]


def test_a_check_held_back_brings_a_victim_little_and_never_media() -> None:
    """Somebody keeps a check from arriving and sends it from another address."""
    net, first, second = linked(OPEN, OPEN)
    net.run(1)
    held: list[bytes] = []

    def hold(host, to, datagram) -> bool:
        request = stun.decode(datagram).message_type == stun_binding.REQUEST
        if host is first and request and not held:
            held.append(datagram)
            return True
        return False

    net.lose = hold
    net.run(5, lambda: bool(held))
    victim = ("203.0.113.200", 9)
    net.log.clear()
    second.receive(held[0], victim)
    net.run(20)
    to_victim = [datagram for _, to, datagram in net.log if to == victim]
    assert 1 <= len(to_victim) <= 3
    assert sum(map(len, to_victim)) <= 3.1 * len(held[0])
    assert second.path.address == first.address
    assert set(second.proven) == {first.address}


@pytest.mark.parametrize(
    ("fault", "label"),
    [
        ({"key": b"wrong" * 5}, "ice-integrity"),
        ({"username": "u6001:somebody"}, "ice-ufrag"),
    ],
)
def test_a_check_that_does_not_know_the_credentials_is_not_answered(
    fault, label
) -> None:
    net, _, second = linked(OPEN, OPEN)
    net.run(1)
    before, heard = net.sent, dict(second.agent.by_address)
    options = {"username": second.path.username.decode(), "key": second.path.local_key}
    request = stun_binding.request(bytes(12), **{**options, **fault})
    second.receive(request, ("203.0.113.200", 9))
    assert net.sent == before
    assert second.agent.refused[label] == 1
    assert second.agent.by_address == heard


def test_an_answer_counts_from_where_it_was_asked_and_signed_only() -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    first.link(second, controlling=True)
    request = stun.decode(net.log[-1][2])
    forged = stun_binding.success(request, ("1.2.3.4", 5), key=b"x", fingerprint=True)
    first.receive(forged, second.address)
    genuine = stun_binding.success(
        request, ("1.2.3.4", 5), key=first.path.remote_key, fingerprint=True
    )
    first.receive(genuine, ("203.0.113.200", 9))
    assert first.agent.refused == {"ice-answer-integrity": 1, "ice-answer-elsewhere": 1}
    assert not first.connected
    first.receive(genuine, second.address)
    assert first.connected
    assert first.mapped == [("1.2.3.4", 5)]


def test_an_unknown_attribute_is_refused_with_its_number() -> None:
    net, _, second = linked(OPEN, OPEN)
    net.run(1)
    request = stun_binding.request(
        bytes(12),
        username=second.path.username.decode(),
        key=second.path.local_key,
        extra=[(0x7777, b"")],
    )
    second.receive(request, ("203.0.113.200", 9))
    reply = stun.decode(net.log[-1][2])
    assert stun_binding.error_code(reply)[0] == 420
    assert stun.verify(reply, second.path.local_key)


def test_messages_about_nothing_of_ours_are_left_to_others() -> None:
    agent = IceAgent(AgentConfig(), random.Random(1))
    plain = stun_binding.request(bytes(12))
    stranger = stun_binding.request(bytes(12), username="abcd:efgh", key=b"k")
    answer = stun_binding.success(stun.decode(plain), SERVER, fingerprint=True)
    for datagram in (plain, stranger, answer):
        assert not agent.receive(stun.decode(datagram), SERVER, ANY, 0.0)
    assert agent.take_out() == agent.take_events() == []


# -- limits and misuse -----------------------------------------------------------------


def spec(number: int, **changes) -> Association:
    values = {
        "transport": TransportId(number),
        "local_ufrag": f"ufrag{number}",
        "local_pwd": "p" * 24,
        "remote_ufrag": "remote",
        "remote_pwd": "q" * 24,
        "controlling": True,
    }
    return Association(**{**values, **changes})


def test_the_table_of_associations_is_bounded() -> None:
    agent = IceAgent(AgentConfig(associations=2), random.Random(1))
    agent.add(spec(1), [], 0.0)
    agent.add(spec(2), [], 0.0)
    with pytest.raises(LimitError, match="associations"):
        agent.add(spec(3), [], 0.0)
    agent.remove(TransportId(1))
    agent.remove(TransportId(1))
    agent.add(spec(3), [], 0.0)


def test_what_is_removed_leaves_nothing_behind() -> None:
    net, first, _ = linked(OPEN, OPEN)
    net.run(1, lambda: first.connected)
    first.agent.pace(LINK, 0.1, net.now)
    first.flush()
    net.run(1, lambda: bool(first.path.sent))
    assert first.path.sent
    first.agent.remove(LINK)
    assert first.agent.by_address == {}
    assert first.agent._by_transaction == {}
    assert first.agent._by_ufrag == {}
    assert first.agent.next_timeout() is None


def test_mappings_known_are_bounded() -> None:
    net = Net(AgentConfig(mapped_known=3))
    host = net.host(OPEN)
    for number in range(6):
        host.agent._mapping(("192.0.2.1", number), ("198.51.100.1", number))
    assert len(host.agent._mapped) == 3
    assert len(host.agent.take_events()) == 6


def test_each_check_from_an_unknown_address_earns_two_of_ours() -> None:
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    first.link(second, controlling=True)
    second.link(first, controlling=False, candidates=[])
    net.lose = lambda host, *_: host is second
    sent: list[tuple] = []
    send = net.send
    net.send = lambda host, to, datagram: (
        sent.append(stun.decode(datagram).message_type) if host is second else None,
        send(host, to, datagram),
    )
    net.run(0.5)  # `first` checks at 0, 0.1 and 0.3 s, and hears nothing
    assert sent.count(stun_binding.SUCCESS) == 3
    assert sent.count(stun_binding.REQUEST) == 6


@pytest.mark.parametrize(
    "misuse",
    [
        lambda agent: agent.add(spec(1), [], 0.0),
        lambda agent: agent.add(spec(2, local_ufrag="ufrag1"), [], 0.0),
        lambda agent: agent.add(spec(2, remote_pwd="short"), [], 0.0),
        lambda agent: agent.add(spec(2, remote_ufrag="a:b:c"), [], 0.0),
        lambda agent: agent.pace(TransportId(9), 1.0, 0.0),
        lambda agent: agent.add_candidates(TransportId(9), [], 0.0),
    ],
)
def test_misuse_is_told_to_the_caller(misuse) -> None:
    agent = IceAgent(AgentConfig(), random.Random(1))
    agent.add(spec(1), [], 0.0)
    with pytest.raises(StateError):
        misuse(agent)


def test_an_address_belongs_to_who_answered_there() -> None:
    """A client that forged a neighbour's address cannot keep it from the neighbour."""
    net = Net()
    first, second = net.host(OPEN), net.host(OPEN)
    forged = spec(7, local_ufrag="liar", remote_ufrag="liar")
    first.agent.add(forged, [], net.now)
    check = stun_binding.request(
        bytes(12), username="liar:liar", key=b"p" * 24, controlled=1
    )
    first.receive(check, second.address)
    assert first.agent.by_address[second.address].path.transport == 7
    first.link(second, controlling=True)
    second.link(first, controlling=False)
    net.run(1)
    assert up(first, second)
    assert first.agent.by_address[second.address].path is first.path
    refused = first.agent.refused["ice-address-taken"]
    first.receive(
        stun_binding.request(
            bytes(11) + b"1", username="liar:liar", key=b"p" * 24, controlled=1
        ),
        second.address,
    )
    assert first.agent.by_address[second.address].path is first.path
    assert first.agent.refused["ice-address-taken"] == refused + 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_datagram_raises_or_opens_anything(data) -> None:
    net, _, second = linked(OPEN, PORT)
    net.run(1)
    state = (second.path.address, set(second.agent.by_address), second.path.controlling)
    _, _, genuine = data.draw(st.sampled_from(net.log))
    octets = bytearray(genuine)
    for _ in range(data.draw(st.integers(1, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(
            st.integers(0, 255)
        )
    try:
        message = stun.decode(bytes(octets))
    except DecodeError:
        return
    if stun.verify(message, second.path.local_key):
        return  # only what nobody vouches for was altered
    second.agent.receive(message, ("203.0.113.66", 66), Local(0), net.now)
    second.agent.handle_timeout(net.now + 0.001)
    assert state == (
        second.path.address,
        set(second.agent.by_address),
        second.path.controlling,
    )


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["run", "cut", "heal", "reboot", "pace", "replay"]),
            st.floats(0.01, 3.0),
        ),
        max_size=25,
    ),
    seed=st.integers(0, 1000),
)
def test_whatever_happens_two_nodes_that_can_meet_meet_again(steps, seed) -> None:
    net, first, second = linked(PORT, ADDRESS)
    dice = random.Random(seed)
    for what, amount in steps:
        if what == "cut":
            net.lose = lambda *_: True
        elif what == "heal":
            net.lose = lambda *_: dice.random() < 0.2
        elif what == "reboot":
            first.nat.reboot()
        elif what == "pace" and first.path.transport in first.agent._paths:
            first.agent.pace(LINK, amount, net.now)
            first.flush()
        elif what == "replay" and net.log:
            source, _, datagram = dice.choice(net.log)
            second.receive(datagram, source)
        net.run(amount)
        assert len(first.path.sent) <= AgentConfig().outstanding
        assert len(first.path.pairs) <= AgentConfig().pairs
        due = first.agent.next_timeout()
        assert due is None or due >= net.now
    net.lose = lambda *_: False
    if first.proven and second.proven:
        net.run(10)
        assert up(first, second)
