"""Who is connected to whom, and what happens when."""

from __future__ import annotations

import pytest

from meshsim.attacks.field import DIAL_S, Field
from meshsim.attacks.profile import Scoring
from meshsim.attacks.setups import BASELINE, SETUPS
from meshsim.attacks.sizes import scaled
from meshsim.network import Kind
from support.attacks import SCALE, few, made, short


def small(name: str, **changes: float) -> Field:
    setup = short(name, warm_s=3.0, run_s=10.0, cool_s=3.0, **changes)
    return Field(setup, few(setup), Scoring.SETUP, 1)


def neighbours(field: Field, number: int) -> tuple[int, int]:
    """Honest and hostile subscribers that an honest node knows."""
    known = field.honest[number].router.subscribers(field.setup.topic)
    bad = sum(map(field.is_sybil, known))
    return len(known) - bad, bad


def test_every_sybil_connects_to_its_share_of_everybody() -> None:
    field = small("cold-boot")
    field.engine.run_until(2.0)
    known = [neighbours(field, number) for number in range(8)]
    assert sum(bad for _, bad in known) == 4 * 3
    assert all(good >= 4 for good, _ in known)


def test_an_attack_on_publishers_leaves_lurkers_alone() -> None:
    setup = short("eclipse-publishers", attack_connect_s=0.0)
    field = Field(setup, few(setup, attack_degree=2), Scoring.SETUP, 1)
    field.engine.run_until(2.0)
    assert [neighbours(field, n)[1] for n in range(8)] == [4, 4, 0, 0, 0, 0, 0, 0]
    assert field.victims == list(range(8))


def test_an_attack_on_one_is_about_that_one() -> None:
    field = small("eclipse-single", attack_connect_s=0.0)
    field.engine.run_until(2.0)
    assert [neighbours(field, n)[1] for n in range(8)] == [4, 0, 0, 0, 0, 0, 0, 0]
    assert field.victims == [0]
    assert field.targets == field.honest[:1]


def test_censors_know_whom_to_silence() -> None:
    field = small("censor-single")
    assert {sybil.censored for sybil in field.sybils} == {field.honest[0].node}
    assert field.victims == [0]
    assert len(field.targets) == 8


def test_late_sybils_come_late_and_covert_ones_strike_later() -> None:
    late = small("eclipse-net", attack_connect_s=6.0)
    late.engine.run_until(6.0)
    assert all(neighbours(late, n)[1] == 0 for n in range(8))
    late.engine.run_until(6.0 * 1.15 + DIAL_S + 1)
    assert sum(neighbours(late, n)[1] for n in range(8)) == 4 * 3
    covert = small("covert-flash", covert_s=5.0)
    assert {sybil.attacks_from for sybil in covert.sybils} == {DIAL_S + 5.0}


def test_at_dawn_sybils_are_there_first() -> None:
    field = small("dawn", honest_connect_s=4.0)
    field.engine.run_until(3.9)
    assert all(neighbours(field, n)[0] == 0 for n in range(8))
    assert sum(neighbours(field, n)[1] for n in range(8)) == 4 * 3


def test_publishers_write_at_the_rate_from_the_warming_to_the_cooling() -> None:
    field = small("cold-boot")
    field.run()
    record, setup = field.record, field.setup
    assert len(record) == pytest.approx(4.0 * setup.run_s, abs=2)
    assert set(record.authors) == {0, 1}
    assert min(record.times_s) >= setup.warm_s
    assert max(record.times_s) <= setup.warm_s + setup.run_s


def test_everybody_honest_gets_everything_when_nobody_attacks() -> None:
    setup = short(BASELINE, warm_s=3.0, run_s=5.0)
    field = made(setup)
    field.run()
    assert len(field.record.delays_s) == len(field.record) * (field.sizes.honest - 1)
    assert max(field.record.delays_s) < 0.5
    assert field.shares[-1][1] == 0


def test_sybils_of_one_container_share_an_address() -> None:
    setup = SETUPS["colocation"]
    sizes = scaled(setup, SCALE)
    field = Field(setup, sizes, Scoring.SETUP, 1)
    assert len({sybil.address for sybil in field.sybils}) == sizes.containers
    assert len({host.address for host in field.honest}) == sizes.honest


def test_octets_on_streams_are_counted() -> None:
    field = small("cold-boot")
    field.run()
    sent = field.network.octets[Kind.GOSSIP]
    assert min(sent) > 0
    assert sum(sent[:8]) > len(field.record) * field.setup.message_octets * 7
    assert not any(field.network.octets[Kind.MEDIA])


def test_the_mesh_is_sampled_every_five_seconds() -> None:
    field = small("cold-boot")
    field.run()
    assert [at for at, _ in field.shares] == [0.0, 5.0, 10.0, 15.0]
    assert field.shares[0][1] == 0
    assert 0 < field.shares[-1][1] < 1
