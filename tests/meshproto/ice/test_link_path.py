from __future__ import annotations

import pytest

from meshproto.config.ice import AgentConfig
from meshproto.errors import StateError
from meshproto.ice.events import Local
from meshproto.ice.link_path import Association, LinkPath, Phase
from meshproto.ice.liveness import NEVER
from meshproto.ice.pair import Pair, PairState
from meshproto.ice.path import Remote
from meshproto.ids import TransportId

ANY, HERE = Local(0), Local(0, b"here")
FAR = [("192.0.2.1", port) for port in range(5000, 5040)]


def path(**limits) -> LinkPath:
    spec = Association(
        TransportId(1), "ours", "p" * 24, "theirs", "q" * 24, controlling=True
    )
    return LinkPath(spec, 5, AgentConfig(**limits), 0.0)


def proven(made: LinkPath, number: int, rtt_s: float, local: Local = ANY) -> Pair:
    pair = made.learn(local, FAR[number], 0.0, announced=True)
    assert pair is not None
    pair.answered(rtt_s)
    return pair


@pytest.mark.parametrize(
    "wrong",
    [
        {"local_ufrag": "abc"},
        {"remote_ufrag": "abc"},
        {"local_pwd": "p" * 21},
        {"remote_pwd": "p" * 21},
        {"local_ufrag": "ab:cd"},
    ],
)
def test_credentials_that_rfc_8445_forbids_are_refused(wrong) -> None:
    good = {
        "local_ufrag": "ours",
        "local_pwd": "p" * 24,
        "remote_ufrag": "theirs",
        "remote_pwd": "q" * 24,
    }
    with pytest.raises(StateError, match="credentials"):
        Association(TransportId(1), **{**good, **wrong}, controlling=True)


def test_the_best_pair_is_the_nearest_and_of_equals_the_first() -> None:
    made = path()
    assert made.best() is None
    first, near = proven(made, 0, 0.0203), proven(made, 1, 0.0195)
    proven(made, 2, 0.5)
    assert made.best() is first
    near.rtt_s = 0.01
    assert made.best() is near


def test_the_runner_up_is_at_another_address_if_it_can_be() -> None:
    made = path()
    made.select(proven(made, 0, 0.01))
    twin = proven(made, 0, 0.01, HERE)
    assert made.runner_up() is twin
    other = proven(made, 1, 0.09)
    assert made.runner_up() is other


def test_a_pair_takes_over_when_used_far_better_or_needed() -> None:
    made = path()
    made.select(proven(made, 0, 0.1))
    made.nominated = True
    assert not made.beats(proven(made, 1, 0.085))
    assert made.beats(proven(made, 2, 0.07))
    slow = proven(made, 3, 0.3)
    assert not made.beats(slow)
    slow.nominated = True
    assert made.beats(slow)
    other = proven(made, 4, 0.3)
    made.live.misses = 2
    assert made.beats(other)


def test_the_newest_nomination_counts() -> None:
    made = path()
    first, second = proven(made, 0, 0.1), proven(made, 1, 0.1)
    made.nominate(first)
    made.nominate(second)
    assert not first.nominated
    assert second.nominated


def test_the_controlled_end_does_not_choose_by_itself() -> None:
    made = path()
    made.select(proven(made, 0, 0.1))
    assert not made.beats(proven(made, 1, 0.01))


def test_pairs_are_bounded_and_failed_ones_make_room() -> None:
    made = path(pairs=3)
    pairs = [made.learn(ANY, far, 0.0, announced=False) for far in FAR[:3]]
    assert made.learn(ANY, FAR[3], 0.0, announced=False) is None
    assert pairs[1] is not None
    pairs[1].failed()
    assert made.learn(ANY, FAR[3], 0.0, announced=False) is not None
    assert len(made.pairs) == 3


def test_a_pair_from_any_address_is_that_of_the_address_the_system_chose() -> None:
    made = path()
    pair = proven(made, 0, 0.01)
    assert made.pair(HERE, FAR[0]) is None
    made.resolve(pair, HERE)
    assert made.pair(HERE, FAR[0]) is pair
    assert made.learn(HERE, FAR[0], 0.0, announced=False) is pair


def test_a_pair_that_turns_out_to_be_another_takes_its_place() -> None:
    made = path()
    twin = made.learn(HERE, FAR[0], 0.0, announced=False)
    assert twin is not None
    twin.nominated = True
    pair = proven(made, 0, 0.01)
    made.resolve(pair, HERE)
    assert list(made.pairs.values()) == [pair]
    assert pair.nominated
    assert twin.state is PairState.FAILED


def test_selecting_says_whether_anything_changed() -> None:
    made = path()
    pair = proven(made, 0, 0.01)
    assert made.select(pair)
    assert made.phase is Phase.LIVE
    assert not made.select(pair)
    made.lose(1.0)
    assert made.phase is Phase.LOST
    assert made.expires_at == 301.0
    assert made.select(pair)
    assert made.expires_at == NEVER


def test_own_checks_are_remembered_up_to_a_number() -> None:
    made = path(outstanding=2)
    pair = proven(made, 0, 0.01)
    assert made.expects(b"1", pair, 0.0) is None
    assert made.expects(b"2", pair, 0.0) is None
    assert made.expects(b"3", pair, 0.0) == b"1"
    assert list(made.sent) == [b"2", b"3"]


def test_checks_of_the_neighbour_are_remembered_up_to_a_number() -> None:
    made = path(remembered_checks=2)
    for n in (b"1", b"2", b"3"):
        made.remember(n, FAR[0])
    assert made.seen_from(b"1") is None
    assert made.seen_from(b"3") == FAR[0]


def test_life_is_whatever_came_last_from_any_address() -> None:
    made = path()
    remotes = [Remote(made, far, float(n)) for n, far in enumerate(FAR[:3])]
    made.remotes = {r.address: r for r in remotes}
    assert made.heard_at == 2.0
    made.received_dtls(remotes[0], 100)
    made.dtls_heard(7.0)
    assert made.heard_at == 7.0
    made.forget(remotes[0])
    made.dtls_heard(9.0)
    assert made.heard_at == 2.0
    made.live.answered(5.0)
    assert made.heard_at == 5.0


def test_a_lost_association_looks_everywhere_in_turn() -> None:
    made = path()
    assert made.next_in_turn() is None
    made.select(proven(made, 0, 0.01))
    others = [proven(made, n, 0.1) for n in (1, 2)]
    assert {made.next_in_turn() for _ in range(4)} == set(others)
