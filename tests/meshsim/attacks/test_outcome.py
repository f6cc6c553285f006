"""Figures of an attack, and three attacks that are won only without scores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshsim.attacks import outcome as figures
from meshsim.attacks.field import Field
from meshsim.attacks.outcome import Outcome
from meshsim.attacks.profile import Scoring
from meshsim.attacks.setups import Setup
from support.attacks import KINDS, few, fought, short


def drawn(setup: Setup) -> Field:
    """A field of eight in which nothing ran; the record is written by hand."""
    return Field(setup, few(setup), Scoring.SETUP, 1)


def write(field: Field, message: int, author: int, at: float, **to: float) -> None:
    """Message `message`, and its delays by receiver (`n1=0.1`)."""
    name = b"%d" % message
    field.record.published(name, author, at)
    for receiver, delay in to.items():
        node = field.honest[author].node
        field.record.delivered(name, node, int(receiver[1:]), at + delay)


ALL = {f"n{n}": 0.1 for n in range(1, 8)}


def test_a_pair_that_was_not_served_is_missing_and_so_is_its_message() -> None:
    field = drawn(short("cold-boot"))
    write(field, 1, 0, 40.0, **ALL)
    write(field, 2, 0, 41.0, **{**ALL, "n7": 2.0})
    write(field, 3, 0, 42.0, n1=0.1)
    found = figures.delivered(field)
    assert (found.messages, found.pairs) == (3, 21)
    assert found.share == pytest.approx(15 / 21)
    assert found.missed == pytest.approx(1 / 3)
    assert found.prompt == pytest.approx(14 / 21)
    assert found.p50_s == pytest.approx(0.1)
    assert found.max_s == pytest.approx(2.0)


def test_settled_figures_are_of_late_messages_only() -> None:
    field = drawn(short("cold-boot"))
    write(field, 1, 0, 40.0, n1=3.0)
    write(field, 2, 0, 100.0, **ALL)
    found = figures.delivered(field, 90.0)
    assert (found.messages, found.share, found.missed) == (1, 1.0, 0.0)
    assert found.max_s == pytest.approx(0.1)


def test_where_one_is_attacked_only_its_pairs_count() -> None:
    field = drawn(short("eclipse-single"))
    write(field, 1, 0, 40.0, **ALL)
    write(field, 2, 1, 41.0, n0=0.2, n2=9.0)
    write(field, 3, 1, 42.0, n2=9.0)
    found = figures.delivered(field)
    assert found.pairs == 7 + 1 + 1
    assert found.share == pytest.approx(8 / 9)
    assert found.missed == pytest.approx(1 / 3)
    assert found.max_s == pytest.approx(0.2)


def test_without_messages_nothing_was_lost() -> None:
    found = figures.delivered(drawn(short("cold-boot")))
    assert (found.messages, found.pairs, found.share, found.missed) == (0, 0, 1.0, 0.0)


def test_scores_are_told_apart_by_side() -> None:
    field = drawn(short("cold-boot"))
    field.engine.run_until(3.0)
    bad, below, good = figures.scores(field)
    assert below == 0
    assert bad >= 0
    assert good >= 0
    for sybil in field.sybils:
        for host in field.honest:
            host.router.scores.invalid(sybil.node, field.setup.topic)
    bad, below, _ = figures.scores(field)
    assert bad < -20
    assert below == 1.0


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_with_scores_the_mesh_recovers_and_without_them_the_attack_wins(
    kind: str,
) -> None:
    held, lost = fought(kind, Scoring.SETUP), fought(kind, Scoring.OFF)
    assert held.delivered == 1.0
    assert held.mesh_end < 0.6
    assert lost.mesh_end > 0.65
    assert held.mesh_end < 0.75 * lost.mesh_end
    assert held.sybil_score < 0 == lost.sybil_score
    # why less in `dawn`: many lose their places before they can earn a bad score
    negative, apart = (0.3, 3.0) if kind == "dawn" else (0.4, 4.0)
    assert held.sybils_negative > negative
    assert held.honest_score > held.sybil_score + apart


@pytest.mark.timeout(300)
@pytest.mark.long
@pytest.mark.parametrize("kind", ["dawn", "covert-flash-graft"])
def test_delays_are_back_with_scores_and_stay_long_without(kind: str) -> None:
    held, lost = fought(kind, Scoring.SETUP), fought(kind, Scoring.OFF)
    assert held.settled_p50_s < 0.08
    assert lost.settled_p50_s > 1.8 * held.settled_p50_s


@pytest.mark.timeout(300)
def test_addresses_give_a_crowd_away_before_it_did_any_harm() -> None:
    held = fought("colocation", Scoring.SETUP)
    lost = fought("colocation", Scoring.OFF)
    assert held.mesh_peak < 0.2 < lost.mesh_peak
    assert held.settled_p99_s < 0.1 < lost.settled_p99_s
    assert held.octets_per_s > 0


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    def ran(seed: int) -> Outcome:
        setup = short("degrade", warm_s=3.0, run_s=20.0, attack_connect_s=5.0)
        field = Field(setup, few(setup), Scoring.SETUP, seed)
        field.run()
        return figures.outcome(field, 40, seed, "setup")

    first = ran(1)
    assert ran(1) == first
    assert replace(ran(2), seed=1) != first
