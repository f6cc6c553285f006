"""What the agent's passive half answers; the rest of it is in `test_agent`."""

from __future__ import annotations

from collections import Counter

import pytest

from meshproto.config.ice import AgentConfig
from meshproto.ice import answering
from meshproto.ice.answering import Answering
from meshproto.ice.link_path import Association, LinkPath
from meshproto.ids import TransportId
from meshproto.wire import stun, stun_binding

FAR = ("192.0.2.1", 5000)
KEY = b"p" * 24


def set_up(*, controlling: bool = True, transport: int = 1) -> tuple:
    spec = Association(
        *(TransportId(transport), "ours", KEY.decode(), "theirs", "q" * 24),
        controlling=controlling,
    )
    path = LinkPath(spec, 100, AgentConfig(), 0.0)
    refused: Counter[str] = Counter()
    return Answering(refused, {}), path, refused


def check(number: int = 0, **options) -> stun.Message:
    values = {"username": "ours:theirs", "key": KEY, **options}
    return stun.decode(stun_binding.request(number.to_bytes(12, "big"), **values))


def test_an_authentic_check_is_answered_with_where_it_came_from() -> None:
    passive, path, _ = set_up()
    reply, fresh = passive.reply(path, check(), FAR, 1.0)
    assert fresh
    answer = stun.decode(reply)
    assert stun_binding.mapped_address(answer) == FAR
    assert stun.verify(answer, KEY)
    assert path.remotes[FAR].heard == 1.0


def test_a_repeated_check_is_answered_and_changes_nothing() -> None:
    passive, path, _ = set_up()
    passive.reply(path, check(), FAR, 1.0)
    reply, fresh = passive.reply(path, check(), FAR, 2.0)
    assert reply is not None
    assert not fresh
    assert path.remotes[FAR].heard == 1.0


@pytest.mark.parametrize(
    ("controlling", "theirs", "conflict", "after"),
    [
        (True, {"controlling": 99}, True, True),
        (True, {"controlling": 100}, True, True),
        (True, {"controlling": 101}, False, False),
        (True, {"controlled": 999}, False, True),
        (False, {"controlled": 99}, False, True),
        (False, {"controlled": 100}, False, True),
        (False, {"controlled": 101}, True, False),
        (False, {"controlling": 1}, False, False),
    ],
)
def test_the_greater_tie_breaker_keeps_its_role(
    controlling, theirs, conflict, after
) -> None:
    passive, path, _ = set_up(controlling=controlling)
    reply, fresh = passive.reply(path, check(**theirs), FAR, 1.0)
    answer = stun.decode(reply)
    refused = answer.message_type == stun_binding.ERROR
    assert refused is conflict
    assert fresh is not conflict
    if refused:
        assert stun_binding.error_code(answer)[0] == stun_binding.ROLE_CONFLICT
    assert path.controlling is after


def test_addresses_of_one_neighbour_are_bounded_and_the_oldest_goes() -> None:
    passive, path, _ = set_up()
    count = answering.REMOTES_MAX + 3
    for n in range(count):
        passive.reply(path, check(n), ("192.0.2.1", 5000 + n), float(n))
    assert len(path.remotes) == answering.REMOTES_MAX
    assert min(port for _, port in path.remotes) == 5003


def test_an_address_in_use_is_never_the_one_that_goes() -> None:
    passive, path, _ = set_up()
    passive.reply(path, check(), FAR, 0.0)
    path.address = FAR
    for n in range(1, 40):
        passive.reply(path, check(n), ("192.0.2.1", 5000 + n), float(n))
    assert FAR in path.remotes


def test_a_dead_owner_loses_its_address_to_who_sends_from_there() -> None:
    passive, path, refused = set_up()
    _, other, _ = set_up(transport=2)
    passive.reply(path, check(), FAR, 0.0)
    passive.reply(other, check(1), FAR, path.hold_s - 1)
    assert refused["ice-address-taken"] == 1
    assert FAR in path.remotes
    passive.reply(other, check(2), FAR, path.hold_s)
    assert FAR not in path.remotes
    assert FAR in other.remotes
