"""The search for a parent, candidate by candidate."""

from __future__ import annotations

import itertools

import pytest

from meshproto.distribution.events import Joined
from meshproto.distribution.phases import Phase
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, STREAM, Bench, accept, node, peer_record


def refuse(bench: Bench, who: bytes, serial: int, why: w.Why = w.Why.FULL) -> None:
    bench.hear(who, w.Refuse(STREAM, serial, why))  # type: ignore[arg-type]


def test_a_newcomer_asks_the_neighbour_with_the_least_delay_through_it() -> None:
    bench = Bench()
    near, fast = bench.link(node(2), 0.002), bench.link(node(3), 0.02)
    bench.offer(near, 0.050)
    bench.offer(fast, 0.010)
    bench.subscribe()
    asked, wish = bench.one(w.Join)
    assert asked == fast
    assert wish.use is w.Use.NEW
    assert wish.demand.viewers == 1


def test_a_full_neighbour_is_not_asked_by_a_newcomer() -> None:
    bench = Bench()
    full, other = bench.link(node(2), 0.002), bench.link(node(3), 0.09)
    bench.offer(full, 0.001, slots=0)
    bench.offer(other, 0.2)
    bench.subscribe()
    assert bench.one(w.Join)[0] == other


def test_without_an_offer_it_asks_towards_the_origin() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(5))
    bench.subscribe()
    assert bench.one(w.Join)[0] == node(5)


def test_without_a_way_it_dials_the_origin() -> None:
    bench = Bench()
    bench.peers[ORIGIN] = peer_record(ORIGIN)
    bench.subscribe()
    assert bench.dialled == [(ORIGIN, None)]
    assert bench.tree.search is not None
    assert bench.tree.search.phase is Phase.DIALLING
    bench.link(ORIGIN)
    assert bench.one(w.Join)[0] == ORIGIN


def test_a_refusal_leads_to_the_next_and_then_to_the_origin() -> None:
    bench = Bench()
    one, other = bench.link(node(2)), bench.link(node(3), 0.03)
    bench.link(ORIGIN, 0.3)
    bench.offer(one)
    bench.offer(other)
    bench.subscribe()
    for expected in (one, other, ORIGIN):
        asked, wish = bench.one(w.Join)
        assert asked == expected
        refuse(bench, asked, wish.serial)
    assert bench.tree.search is not None
    assert bench.tree.search.phase is Phase.RESTING


def test_after_a_round_of_refusals_it_is_starved_and_may_have_a_reserved_slot() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(ORIGIN)
    bench.subscribe()
    first = bench.one(w.Join)[1]
    refuse(bench, ORIGIN, first.serial)
    bench.pass_time(3.0)
    later = [wish for _, wish in bench.take(w.Join)]
    assert first.use is w.Use.NEW
    assert later[-1].use is w.Use.STARVED


def test_who_has_nobody_to_ask_is_new_in_the_mesh_and_not_starved_at_once() -> None:
    bench = Bench()
    bench.members = [peer_record(node(20))]
    bench.lost_sight = {ORIGIN}
    bench.subscribe()
    bench.pass_time(1.39)  # 0.2 + 0.4 + 0.8: as short as three rests may be
    assert bench.tree.search is not None
    assert bench.tree.search.use is w.Use.NEW
    assert bench.dialled == []
    first = bench.link(node(4))
    bench.offer(first)
    bench.pass_time(bench.config.report_s + 0.01)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (first, w.Use.NEW)


def test_who_never_finds_anybody_is_starved_after_three_rests() -> None:
    bench = Bench()
    bench.members = [peer_record(node(20))]
    bench.lost_sight = {ORIGIN}
    bench.subscribe()
    bench.pass_time(2.81)
    assert bench.dialled == [(node(20), None)]


def test_rests_grow_longer() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(ORIGIN)
    bench.subscribe()
    asked_at = []
    for _ in range(6):
        _, wish = bench.one(w.Join)
        asked_at.append(bench.now)
        refuse(bench, ORIGIN, wish.serial)
        while not any(isinstance(record, w.Join) for _, record in bench.sent):
            bench.pass_time(0.05)
    rests = [b - a for a, b in itertools.pairwise(asked_at)]
    assert 0.2 <= rests[0] <= 0.9
    assert rests[-1] > 2 * rests[0]
    assert max(rests) <= 2 * bench.config.rest_max_s


def test_silence_is_an_answer_after_a_while() -> None:
    bench = Bench()
    mute, other = bench.link(node(2), 0.02), bench.link(node(3), 0.05)
    bench.offer(mute, 0.0)
    bench.offer(other, 0.0)
    bench.subscribe()
    assert bench.one(w.Join)[0] == mute
    bench.pass_time(2 * 0.02 + bench.config.ask_patience_s - 0.01)
    assert not bench.take(w.Join)
    bench.pass_time(0.02)
    assert bench.one(w.Join)[0] == other


def test_an_answer_that_comes_too_late_still_counts_while_nobody_else_answered() -> (
    None
):
    bench = Bench()
    slow, other = bench.link(node(2)), bench.link(node(3), 0.05)
    bench.offer(slow, 0.0)
    bench.offer(other, 0.0)
    bench.subscribe()
    first = bench.one(w.Join)[1]
    bench.pass_time(0.5)
    second = bench.one(w.Join)[1]
    bench.hear(slow, accept(first.serial, slow))
    assert bench.brain.parent(STREAM) == slow
    # and the other learns that it is not needed
    assert bench.one(w.Leave) == (other, w.Leave(STREAM, second.serial))
    bench.hear(other, accept(second.serial, other))
    assert bench.one(w.Leave) == (other, w.Leave(STREAM, second.serial))
    assert bench.brain.parent(STREAM) == slow


def test_a_redirect_is_followed_through_the_one_that_named_it() -> None:
    bench = Bench()
    full = bench.link(node(2))
    bench.offer(full)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    target = w.Target(node(9), 0.02, 3, peer_record(node(9)))
    bench.hear(full, w.Redirect(STREAM, wish.serial, (target,)))
    assert bench.dialled == [(node(9), full)]
    bench.link(node(9))
    asked, wish = bench.one(w.Join)
    assert asked == node(9)
    bench.hear(asked, accept(wish.serial, asked))
    assert bench.happened(Joined)[0].asked == 2


def test_a_dial_has_four_round_trips_one_to_the_introducer_and_fifty_ms() -> None:
    bench = Bench()
    full = bench.link(node(2), 0.2)
    bench.rtts[node(9)] = 0.1
    bench.offer(full)
    bench.link(ORIGIN, 0.5)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.hear(full, w.Redirect(STREAM, wish.serial, (w.Target(node(9), 0.02, 3),)))
    bench.pass_time(0.64)
    assert not bench.take(w.Join)
    bench.pass_time(0.02)
    assert bench.one(w.Join)[0] == ORIGIN


def test_a_dial_without_an_introducer_has_six_round_trips() -> None:
    bench = Bench()
    bench.rtts[ORIGIN] = 0.1
    bench.subscribe()
    assert bench.dialled == [(ORIGIN, None)]
    assert bench.tree.search is not None
    bench.pass_time(0.64)
    assert bench.tree.search.phase is Phase.DIALLING
    bench.pass_time(0.02)
    assert bench.tree.search.phase is Phase.RESTING


def test_a_failed_dial_leads_on_at_once() -> None:
    bench = Bench()
    full = bench.link(node(2))
    bench.offer(full)
    bench.link(ORIGIN, 0.5)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.hear(full, w.Redirect(STREAM, wish.serial, (w.Target(node(9), 0.02, 3),)))
    bench.do("dial_failed", node(9))
    assert bench.one(w.Join)[0] == ORIGIN


def test_a_link_that_took_too_long_wakes_a_resting_search() -> None:
    bench = Bench()
    bench.rtts[ORIGIN] = 0.1
    bench.subscribe()
    bench.pass_time(0.66)
    assert bench.tree.search is not None
    assert bench.tree.search.phase is Phase.RESTING
    bench.link(ORIGIN)
    assert bench.one(w.Join)[0] == ORIGIN


def test_a_link_that_took_too_long_is_next_while_another_is_asked() -> None:
    bench = Bench()
    full = bench.link(node(2))
    bench.offer(full)
    hop = bench.hops[ORIGIN] = bench.link(node(5), 0.5)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.rtts[node(9)] = 0.01
    bench.hear(full, w.Redirect(STREAM, wish.serial, (w.Target(node(9), 0.02, 3),)))
    bench.pass_time(0.2)
    assert bench.one(w.Join)[0] == hop
    bench.link(node(9))
    assert bench.take(w.Join) == []
    refuse(bench, hop, bench.tree.search.asked[hop])  # type: ignore[union-attr]
    assert bench.one(w.Join)[0] == node(9)


def test_who_is_put_back_stands_in_the_row_once() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.offer(bench.link(node(3)), 0.02, slots=0)
    bench.peers |= {node(n): peer_record(node(n)) for n in (20, 21, 22)}
    bench.members = [peer_record(node(n)) for n in (20, 21, 22)]
    bench.tree.remember(node(20), 0.02, 24)
    bench.unlink(node(2))
    search = bench.tree.search
    assert search is not None
    while not bench.dialled:
        bench.pass_time(0.05)
    bench.link(node(21))
    left = [candidate.node for candidate in search.left]
    assert left.count(node(20)) == 1


def test_whom_nobody_knows_an_address_of_costs_no_time() -> None:
    bench = Bench()
    full = bench.link(node(2))
    bench.offer(full)
    bench.link(ORIGIN, 0.5)
    bench.lost_sight = {node(8), node(9)}
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    targets = tuple(w.Target(node(n), 0.02, 3) for n in (8, 9))
    bench.hear(full, w.Redirect(STREAM, wish.serial, targets))
    assert bench.one(w.Join)[0] == ORIGIN
    assert bench.dialled == []


def test_nobody_is_asked_twice_in_a_round() -> None:
    bench = Bench()
    one, other = bench.link(node(2)), bench.link(node(3))
    bench.offer(one)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.hear(one, w.Redirect(STREAM, wish.serial, (w.Target(other, 0.02, 3),)))
    wish = bench.one(w.Join)[1]
    bench.hear(other, w.Redirect(STREAM, wish.serial, (w.Target(one, 0.02, 3),)))
    assert not bench.take(w.Join)
    assert bench.dialled == [(ORIGIN, None)]


def test_redirects_end_after_eight_refusals_at_the_origin() -> None:
    bench = Bench()
    for number in range(2, 14):
        bench.link(node(number))
    bench.link(ORIGIN, 0.4)
    bench.offer(node(2))
    bench.subscribe()
    asked = []
    for number in range(3, 14):
        who, wish = bench.one(w.Join)
        asked.append(who)
        if who == ORIGIN:
            break
        target = w.Target(node(number), 0.02, 0)
        bench.hear(who, w.Redirect(STREAM, wish.serial, (target,)))
    assert asked == [*[node(n) for n in range(2, 10)], ORIGIN]


def test_the_descent_from_the_origin_may_be_as_deep_as_a_path() -> None:
    bench = Bench()
    for number in range(2, 30):
        bench.link(node(number))
    bench.hops[ORIGIN] = bench.link(ORIGIN)
    bench.subscribe()
    for number in range(2, 22):
        who, wish = bench.one(w.Join)
        target = w.Target(node(number), 0.02, 3)
        bench.hear(who, w.Redirect(STREAM, wish.serial, (target,)))
    assert bench.one(w.Join)[0] == node(21)


def test_who_is_led_on_to_room_is_not_refused() -> None:
    bench = Bench()
    for number in range(2, 40):
        bench.link(node(number))
    bench.link(ORIGIN, 0.4)
    bench.offer(node(2))
    bench.subscribe()
    asked = []
    for number in range(3, 40):
        who, wish = bench.one(w.Join)
        asked.append(who)
        if who == ORIGIN:
            break
        target = w.Target(node(number), 0.02, 1)
        bench.hear(who, w.Redirect(STREAM, wish.serial, (target,)))
    # as deep as a tree may be, and eight more: a liar may name nodes for ever
    assert asked[-1] == ORIGIN
    assert len(asked) == w.PATH_MAX + bench.config.refusals_max + 1


def test_a_newcomer_waits_in_a_queue_but_not_for_ever() -> None:
    bench = Bench()
    hop = bench.link(node(2))
    bench.hops[ORIGIN] = hop
    bench.link(ORIGIN, 0.1)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.hear(hop, w.Stalled(STREAM, wish.serial))
    bench.pass_time(bench.config.queued_s - 0.05)
    assert not bench.take(w.Join)
    bench.pass_time(0.1)
    assert bench.one(w.Join)[0] == ORIGIN
    # its place in the queue is still good
    bench.hear(hop, accept(wish.serial, hop))
    assert bench.brain.parent(STREAM) == hop


def test_an_offer_wakes_a_resting_search() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(ORIGIN)
    bench.subscribe()
    for _ in range(5):
        while not bench.sent:
            bench.pass_time(0.05)
        refuse(bench, ORIGIN, bench.one(w.Join)[1].serial)
    other = bench.link(node(4))
    bench.offer(other)
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.one(w.Join)[0] == other


def test_a_way_to_the_origin_wakes_a_resting_search_that_asked_others() -> None:
    bench = Bench()
    bench.members = [peer_record(node(20))]
    bench.lost_sight = {ORIGIN}
    bench.subscribe()
    bench.pass_time(3.0)  # starved by now, and dialling
    assert (node(20), None) in bench.dialled
    bench.do("dial_failed", node(20))
    assert bench.tree.search is not None
    assert bench.tree.search.phase is Phase.RESTING
    bench.hops[ORIGIN] = bench.link(node(5))
    bench.do("route_changed", ORIGIN)
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.one(w.Join)[0] == node(5)


def test_a_subscriber_that_leaves_calls_its_joins_back() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(ORIGIN)
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.do("unsubscribe", STREAM)
    assert bench.one(w.Leave) == (ORIGIN, w.Leave(STREAM, wish.serial))
    assert not list(bench.brain.streams())
    assert bench.brain.next_timeout() is None


def test_a_search_that_steps_out_of_the_table_is_a_defect() -> None:
    from meshproto.distribution.phases import Cue
    from meshproto.distribution.upstream import Search

    with pytest.raises(KeyError):
        Search(w.Use.NEW, []).step(Cue.ACCEPT)


def test_it_never_asks_itself() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = ME
    bench.subscribe()
    assert bench.dialled == [(ORIGIN, None)]
