from __future__ import annotations

import random

import pytest

from meshproto.config.ice import AgentConfig
from meshproto.errors import LimitError
from meshproto.ice.events import Probed
from meshproto.ice.probes import Probes, transaction_id
from meshproto.wire import stun, stun_binding

NODE = ("192.0.2.1", 5000)


def answer(datagram: bytes) -> stun.Message:
    asked = stun.decode(datagram)
    return stun.decode(stun_binding.success(asked, ("1.2.3.4", 5), fingerprint=False))


def test_a_probe_is_a_bare_binding() -> None:
    datagram = Probes(AgentConfig(), random.Random(1)).begin(NODE, 1, 0.0)
    assert len(datagram) == 20


def test_the_answer_gives_the_round_trip_once() -> None:
    probes = Probes(AgentConfig(), random.Random(1))
    message = answer(probes.begin(NODE, 9, 1.0))
    assert probes.awaits(message)
    assert probes.answered(message, NODE, 1.25) == Probed(9, 0.25)
    assert not probes.awaits(message)
    assert len(probes) == 0


def test_an_answer_from_elsewhere_or_an_error_is_none() -> None:
    probes = Probes(AgentConfig(), random.Random(1))
    datagram = probes.begin(NODE, 9, 1.0)
    assert probes.answered(answer(datagram), ("192.0.2.1", 5001), 1.1) is None
    refused = stun_binding.error(stun.decode(datagram), 400, fingerprint=False)
    assert probes.answered(stun.decode(refused), NODE, 1.1) is None
    assert len(probes) == 1


def test_probes_that_nobody_answers_end_in_their_order() -> None:
    probes = Probes(AgentConfig(), random.Random(1))
    for token, now in ((1, 0.0), (2, 0.2)):
        probes.begin(NODE, token, now)
    assert probes.next_timeout() == 0.5
    assert probes.expired(0.4) == []
    assert probes.expired(0.5) == [Probed(1, None)]
    assert probes.expired(9.0) == [Probed(2, None)]
    assert probes.next_timeout() is None


def test_probes_under_way_are_bounded() -> None:
    probes = Probes(AgentConfig(probes=2), random.Random(1))
    probes.begin(NODE, 1, 0.0)
    probes.begin(NODE, 2, 0.0)
    with pytest.raises(LimitError, match="probes"):
        probes.begin(NODE, 3, 0.0)


def test_transaction_ids_are_twelve_octets_and_differ() -> None:
    chance = random.Random(1)
    ids = {transaction_id(chance) for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(i) for i in ids} == {12}
