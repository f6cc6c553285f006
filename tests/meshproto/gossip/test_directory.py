"""The directory of the mesh: alone, and over real routers in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.gossip.directory import Directory
from meshproto.gossip.directory_hearing import hear
from meshproto.gossip.seen import Verdict
from meshproto.ids import NodeId
from meshproto.wire.control.directory import Media, Notice, build_notices
from support.directory import AUDIO, VIDEO, Alone, Net, claim, notice
from support.gossip import node_id

# verdicts


def test_news_are_passed_on_and_old_ones_not() -> None:
    alone = Alone()
    assert alone.hear(notice(claim(), 2)) is Verdict.ACCEPT
    assert alone.hear(notice(claim(), 1)) is Verdict.IGNORE


def test_one_news_among_old_ones_is_news() -> None:
    alone = Alone()
    alone.hear(notice(claim("a"), 2))
    told = (notice(claim("a"), 1), notice(claim("b"), 1))
    assert alone.hear(*told) is Verdict.ACCEPT


def test_forgeries_blame_their_senders() -> None:
    alone = Alone()
    assert alone.hear(notice(claim()), author=2) is Verdict.REJECT
    assert alone.bring(b"\xc1") is Verdict.REJECT
    assert alone.bring(build_notices([Notice(b"\xc1", b"x")])) is Verdict.REJECT


def test_what_was_learned_from_a_table_is_passed_on_when_its_message_comes() -> None:
    alone = Alone()
    made = notice(claim())
    alone.hear(made, number=5)
    assert alone.hear(made, number=6) is Verdict.ACCEPT
    # and a replay of an old message is not
    assert alone.hear(made, number=5) is Verdict.IGNORE


def test_who_floods_is_not_passed_on() -> None:
    alone = Alone()
    verdicts = [alone.hear(notice(claim(), version)) for version in range(1, 30)]
    assert verdicts.count(Verdict.ACCEPT) == 10
    assert set(alone.refusals()) == {"directory-flood"}


# questions


def test_questions_about_what_is_not_known() -> None:
    alone = Alone()
    stream = claim().stream
    assert alone.directory.resolve(stream) is None
    assert alone.directory.media(stream) is None
    assert alone.directory.claim(stream) is None
    assert alone.directory.find("room") == []


def test_the_claim_of_an_ended_stream_is_known_for_whoever_claims_anew() -> None:
    alone = Alone()
    alone.hear(notice(claim(counter=41), 2, None))
    found = alone.directory.claim(claim().stream)
    assert found is not None
    assert found.counter == 41
    assert alone.directory.streams() == []


# any order ends in the same table

chosen = st.builds(
    lambda name, origin, counter, version, epoch, media: notice(
        claim(name, origin, counter), version, media, epoch
    ),
    st.sampled_from("ab"),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sampled_from([None, AUDIO, VIDEO]),
)


def table(notices: list[Notice]) -> dict[NodeId, tuple[NodeId | None, Media | None]]:
    alone = Alone(author_messages_burst=10_000.0)
    for made in notices:
        hear(alone.directory._state, made, 900, node_id(9), alone.now)
        alone.drain()
    known: Directory = alone.directory
    return {
        NodeId(stream): (known.resolve(stream), known.media(stream))
        for stream in sorted(known._state.table)
    } | {NodeId(b"digest"): (NodeId(known.digest()), None)}


@pytest.mark.untraced
@settings(max_examples=150, deadline=None)
@given(st.lists(chosen, max_size=12), st.data())
def test_any_order_and_any_repetition_end_in_the_same_table(
    notices: list[Notice], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(notices + notices[: len(notices) // 2]))
    assert table(list(shuffled)) == table(notices)


# many nodes


def test_an_announcement_reaches_everybody_within_a_second() -> None:
    net = Net(40)
    net.run(3.0)
    stream = net.announce(7, claim(origin=7))
    net.run(1.0)
    assert net.knowing(stream) == 40


def test_a_newcomer_learns_all_streams_from_its_first_neighbour() -> None:
    net = Net(12)
    net.run(3.0)
    for number in range(1, 12):
        net.announce(number, claim(f"s{number}", number))
    net.run(5.0)
    for edge in [edge for edge in net.edges if 0 in edge]:
        net.cut(*edge)
    net.restart(0, 2)
    assert net.directories[0].streams() == []
    net.link(0, 3)
    net.run(1.0)
    assert len(net.directories[0].streams()) == 11


def split(net: Net) -> list[tuple[int, int]]:
    half = net.size // 2
    across = [edge for edge in net.edges if (edge[0] < half) != (edge[1] < half)]
    for edge in across:
        net.cut(*edge)
    return across


@pytest.mark.untraced
def test_a_partition_heals_over_a_single_link() -> None:
    net = Net(40, degree=12)
    net.run(3.0)
    net.announce(1, claim("old", 1))
    net.run(3.0)
    across = split(net)
    for number in range(10, 20):
        net.announce(number, claim(f"low{number}", number))
        net.announce(number + 20, claim(f"high{number}", number + 20))
    net.directories[1].unannounce(claim("old", 1).stream, net.now)
    net.drain(1)
    net.run(60.0)
    assert net.knowing(claim("low12", 12).stream) == 20
    assert net.knowing(claim("old", 1).stream) == 20
    net.link(*across[0])
    net.run(60.0)
    assert {len(d.streams()) for d in net.directories} == {20}
    assert len({d.digest() for d in net.directories}) == 1


def test_an_ended_stream_does_not_come_back_with_a_node_that_was_away() -> None:
    net = Net(20)
    net.run(3.0)
    stream = net.announce(1, claim(origin=1))
    net.run(2.0)
    edges = [edge for edge in net.edges if 5 in edge]
    for edge in edges:
        net.cut(*edge)
    net.unannounce(1, stream)
    net.run(120.0)
    assert net.directories[5].resolve(stream) is not None
    for edge in edges:
        net.link(*edge)
    net.run(30.0)
    assert net.knowing(stream) == 0


def test_a_stream_moves_to_whoever_claims_it_with_a_greater_counter() -> None:
    net = Net(20)
    net.run(3.0)
    stream = net.announce(1, claim(origin=1, counter=1))
    net.run(2.0)
    net.announce(2, claim(origin=2, counter=2))
    net.run(2.0)
    assert {d.resolve(stream) for d in net.directories} == {node_id(2)}
    net.run(700.0)  # the loser's refreshes have stopped
    assert {d.resolve(stream) for d in net.directories} == {node_id(2)}


def test_a_claim_that_moves_during_a_partition_holds_after_it() -> None:
    net = Net(20)
    net.run(3.0)
    stream = net.announce(1, claim(origin=1, counter=1))
    net.run(2.0)
    across = split(net)
    net.announce(15, claim(origin=15, counter=2))
    net.run(10.0)
    assert net.directories[0].resolve(stream) == node_id(1)
    for edge in across:
        net.link(*edge)
    net.run(30.0)
    assert {d.resolve(stream) for d in net.directories} == {node_id(15)}


def test_streams_of_a_node_that_died_expire_everywhere() -> None:
    net = Net(12, refresh_s=30.0)
    net.run(3.0)
    stream = net.announce(1, claim(origin=1))
    net.run(200.0)
    assert net.knowing(stream) == 12
    for edge in [edge for edge in net.edges if 1 in edge]:
        net.cut(*edge)
    net.run(101.0)
    assert sum(d.resolve(stream) is not None for d in net.directories[2:]) == 0


def test_streams_of_an_earlier_life_are_ended_by_the_next_one() -> None:
    net = Net(12)
    net.run(3.0)
    back, gone = net.announce(1, claim("a", 1)), net.announce(1, claim("b", 1))
    net.run(5.0)
    net.restart(1, 2)
    net.run(5.0)
    net.announce(1, claim("a", 1))
    net.run(40.0)
    assert net.knowing(back) == 12
    assert net.knowing(gone) == 0


def test_an_idle_directory_costs_next_to_nothing() -> None:
    net = Net(30)
    net.run(30.0)
    net.octets = dict.fromkeys(net.octets, 0)
    net.run(300.0)
    assert sum(net.octets.values()) / 300 / 30 < 2.0


@pytest.mark.parametrize("streams", [20, 400])
@pytest.mark.untraced
def test_refreshes_cost_every_node_no_more_than_the_budget(streams: int) -> None:
    # a hundredth of the real budget, so that 400 streams weigh as 40,000 would
    net = Net(10, refresh_s=60.0, budget_octets_per_s=200.0, announce_gap_s=0.5)
    net.run(3.0)
    for number in range(streams):
        net.announce(number % 10, claim(f"s{number}", number % 10))
    net.run(120.0)
    assert {len(d.streams()) for d in net.directories} == {streams}
    net.octets = dict.fromkeys(net.octets, 0)
    interval = net.directories[0].interval_s()
    net.run(2.0 * interval)
    assert net.octets["gossip"] / (2.0 * interval) / 10 <= 200.0 * 1.1
    assert {len(d.streams()) for d in net.directories} == {streams}


def test_the_interval_for_ten_thousand_streams_keeps_the_budget() -> None:
    alone = Alone()
    for number in range(500):
        alone.hear(notice(claim(f"s{number}", number)), author=number)
    alone.directory._state.table.octets *= 20  # a sample of one in twenty
    octets = alone.directory._state.table.octets
    assert octets * 6 / alone.directory.interval_s() <= 4_000.0


def test_the_same_seed_gives_the_same_run() -> None:
    def trace() -> list[tuple[float, int, object]]:
        net = Net(15, seed=7)
        net.run(3.0)
        for number in range(5):
            net.announce(number, claim(f"s{number}", number))
        net.run(100.0)
        return list(net.events)

    one, other = trace(), trace()
    assert one == other
    assert all(a[0] <= b[0] for a, b in pairwise(one))
