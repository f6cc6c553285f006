"""The overlay's verbs: what each input brings out, and what hostile input does not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import StateError
from meshproto.events import Refused
from meshproto.ids import NodeId, short_id
from meshproto.outputs import Dial, HangUp, Probe, Purpose, Send
from meshproto.overlay.capacity import Evidence
from meshproto.overlay.events import NeighbourDropped, PeerLearned
from meshproto.wire.control.overlay import (
    Alone,
    Guest,
    PeerUpdate,
    RingAnswer,
    RingQuery,
    ShuffleAnswer,
    ShuffleRequest,
    Stay,
    Tip,
)
from meshproto.wire.control.peer import PeerRecord
from meshproto.wire.control.schema import Record
from meshproto.wire.control.schema import record as declare
from support.overlay_parts import ME, Lone, node, outputs, record


@declare(31)
class Later(Record):
    """A record of a version to come."""


def started(copies: int = 8, **config: Any) -> Lone:
    lone = Lone(copies, **config)
    lone.overlay.start([], 0.0)
    return lone


def link(lone: Lone, *indices: int, rtt_s: float = 0.05, **options: Any) -> None:
    for index in indices:
        lone.around.rtts_s[node(index)] = rtt_s
        lone.overlay.link_ready(node(index), False, Purpose.OVERLAY, 0.0)
        lone.overlay.receive(node(index), PeerUpdate(record(index, **options)), 0.0)


def refused(lone: Lone) -> list[str]:
    return [event.reason for event in lone.taken(Refused)]


def test_a_new_link_is_told_the_own_record() -> None:
    lone = started()
    lone.overlay.link_ready(node(1), False, Purpose.OVERLAY, 0.0)
    first = outputs(lone.box)[0]
    assert first == Send(node(1), PeerUpdate(lone.overlay.own_record()))


def test_the_first_link_starts_a_search_and_a_shuffle() -> None:
    lone = started()
    link(lone, 1)
    kinds = {type(send.record) for send in lone.taken(Send)}
    assert kinds == {PeerUpdate, RingQuery, ShuffleRequest}


def test_a_link_told_twice_is_one_link() -> None:
    lone = started()
    link(lone, 1)
    outputs(lone.box)
    lone.overlay.link_ready(node(1), True, Purpose.OVERLAY, 0.0)
    assert not outputs(lone.box)
    assert lone.overlay.neighbours() == (node(1),)


def test_starting_twice_is_misuse() -> None:
    lone = started()
    with pytest.raises(StateError):
        lone.overlay.start([], 1.0)


def test_a_neighbours_record_is_learned_and_told_to_the_owner() -> None:
    lone = started()
    link(lone, 1)
    assert PeerLearned(node(1)) in lone.overlay.take_changes()
    assert lone.overlay.take_changes() == []
    assert lone.overlay.peer(node(1)) == record(1)
    assert lone.overlay.peer_of_short(short_id(node(1))) == record(1)


def test_a_neighbour_may_speak_only_for_itself() -> None:
    lone = started()
    link(lone, 1)
    outputs(lone.box)
    lone.overlay.receive(node(1), PeerUpdate(record(2)), 0.0)
    assert refused(lone) == ["peer-not-neighbour"]
    assert lone.overlay.peer(node(2)) is None


def test_a_neighbour_with_a_forged_record_is_dropped() -> None:
    lone = started()
    link(lone, 1)
    outputs(lone.box)
    forged = record(1, version=9, signed=False)
    lone.overlay.receive(node(1), PeerUpdate(forged), 0.0)
    found = outputs(lone.box)
    assert Refused(node(1), "peer-signature") in found
    assert HangUp(node(1), "score") in found
    assert NeighbourDropped(node(1), "score") in lone.overlay.take_changes()
    assert lone.overlay.accepts(record(1), Purpose.OVERLAY, 1.0) == "score"


def test_strangers_and_strange_records_are_refused() -> None:
    lone = started()
    link(lone, 1)
    outputs(lone.box)
    lone.overlay.receive(node(5), RingQuery(1, 0.1, ()), 0.0)
    lone.overlay.receive(node(1), Later(), 0.0)
    lone.overlay.receive(node(1), RingAnswer(77, ()), 0.0)
    lone.overlay.receive(node(1), ShuffleAnswer(77, ()), 0.0)
    labels = ["overlay-unlinked", "overlay-record", "overlay-unasked"]
    assert refused(lone) == [*labels, "overlay-unasked"]


def test_a_flood_from_one_neighbour_is_cut_off_and_passes() -> None:
    lone = started()
    link(lone, 1, 2)
    outputs(lone.box)
    for _ in range(100):
        lone.overlay.receive(node(1), RingQuery(1, 0.1, ()), 0.0)
    assert refused(lone).count("overlay-rate") == 77
    lone.overlay.receive(node(2), RingQuery(1, 0.1, ()), 0.0)
    lone.overlay.receive(node(1), RingQuery(1, 0.1, ()), 10.0)
    assert not refused(lone)


def test_an_answer_is_taken_once() -> None:
    lone = started()
    link(lone, 1)
    sends = {type(send.record): send.record for send in lone.taken(Send)}
    answer = RingAnswer(sends[RingQuery].token, (Tip(record(9), 1.0, True),))
    lone.overlay.receive(node(1), answer, 0.1)
    (probe,) = lone.taken(Probe)
    lone.overlay.receive(node(1), answer, 0.2)
    assert refused(lone) == ["overlay-unasked"]
    lone.overlay.probed(probe.token, 0.01, 0.3)
    assert lone.overlay.predict_rtt_s(node(9)) == 0.01
    (dial,) = lone.taken(Dial)
    assert (dial.peer, dial.through) == (record(9), node(1))


def test_round_trips_of_links_come_from_the_surroundings() -> None:
    lone = started()
    link(lone, 1, rtt_s=0.07)
    assert lone.overlay.predict_rtt_s(node(1)) == 0.07
    lone.around.rtts_s[node(1)] = 0.09
    lone.overlay.cost_moved(node(1), 1.0)
    assert lone.overlay.predict_rtt_s(node(1)) == 0.09
    assert lone.overlay.predict_rtt_s(node(2)) is None
    entry = lone.state.book.get(node(1))
    assert entry is not None
    assert entry.rtt_s == pytest.approx(0.0725)


def test_a_link_without_a_record_has_a_round_trip_too() -> None:
    lone = started()
    lone.overlay.link_ready(node(1), False, Purpose.TREE, 0.0)
    assert lone.overlay.predict_rtt_s(node(1)) == 0.05
    assert lone.overlay.copies(node(1)) == 0


def test_losing_a_link_dials_another() -> None:
    lone = started()
    link(lone, 1, 2)
    lone.overlay.handle_timeout(2.6)
    for index in range(3, 6):
        lone.state.book.learn(record(index), 0.1)
    outputs(lone.box)
    lone.overlay.link_lost(node(1), 3.0)
    dials = lone.taken(Dial)
    assert {d.peer.node for d in dials} == {node(3), node(4), node(5)}
    lone.overlay.link_lost(node(1), 3.0)


def test_blame_that_goes_too_far_costs_the_link() -> None:
    lone = started()
    link(lone, 1)
    outputs(lone.box)
    for now in range(3):
        lone.overlay.evidence(node(1), Evidence.MISLED, float(now))
    assert lone.taken(HangUp) == [HangUp(node(1), "score")]


def test_proven_delivery_raises_what_a_peer_is_trusted_with() -> None:
    lone = started()
    link(lone, 1, copies=16)
    assert lone.overlay.copies(node(1)) == 4
    for step in range(6):
        lone.overlay.evidence(node(1), Evidence.DELIVERED, step * 2.0)
    assert lone.overlay.copies(node(1)) == 8


def test_a_host_that_has_no_room_is_no_neighbour() -> None:
    lone = started()
    lone.overlay.link_ready(node(1), True, Purpose.OVERLAY, 0.0)
    lone.overlay.receive(node(1), Guest(2.0), 0.0)
    assert lone.overlay.neighbours() == ()
    assert node(1) in lone.state.links


def test_a_host_that_stays_full_is_asked_ever_more_rarely() -> None:
    lone = started()
    link(lone, 1)  # keeps the records of the others
    peer = record(2)
    lone.overlay.receive(node(1), ShuffleRequest(1, (Tip(peer, 0.0, True),)), 0.0)
    entry = lone.state.book.get(node(2))
    assert entry is not None

    def visited(now: float) -> float:
        """A link that is a guest's; how long the host is left alone after it."""
        lone.overlay.link_ready(node(2), True, Purpose.OVERLAY, now)
        lone.overlay.receive(node(2), PeerUpdate(peer), now)
        lone.overlay.receive(node(2), Guest(2.0), now)
        lone.overlay.link_lost(node(2), now + 2.0, goodbye=True)
        return entry.retry_at - now

    pauses = [visited(1000.0 * turn) for turn in range(1, 7)]
    assert pauses == [62.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    # a link that lasted a while begins anew
    lone.overlay.link_ready(node(2), True, Purpose.OVERLAY, 8000.0)
    lone.overlay.link_lost(node(2), 8100.0, goodbye=True)
    assert visited(9000.0) == 62.0


def test_who_asks_for_a_link_must_have_a_genuine_record() -> None:
    lone = started()
    assert lone.overlay.accepts(record(1), Purpose.OVERLAY, 0.0) is None
    unsigned = record(1, signed=False)
    assert lone.overlay.accepts(unsigned, Purpose.OVERLAY, 0.0) == "signature"
    own = lone.overlay.own_record()
    assert lone.overlay.accepts(own, Purpose.TREE, 0.0) == "self"


def test_samples_are_drawn_from_the_members() -> None:
    lone = started()
    link(lone, *range(1, 9))
    assert len(lone.overlay.members()) == 8
    drawn = lone.overlay.sample(5)
    assert len({peer.node for peer in drawn}) == 5
    assert len(lone.overlay.sample(99)) == 8


def test_shuffles_come_every_second_at_first_and_every_minute_later() -> None:
    lone = started()
    link(lone, *range(1, 9))
    times = []
    while (at := lone.overlay.next_timeout()) is not None and at < 300.0:
        lone.overlay.handle_timeout(at)
        if any(isinstance(s.record, ShuffleRequest) for s in lone.taken(Send)):
            times.append(at)
    assert 15 <= sum(at <= 20.0 for at in times) <= 26
    assert 3 <= sum(at > 30.0 for at in times) <= 6


def test_a_quiet_node_wakes_about_once_in_seven_seconds() -> None:
    lone = started()
    link(lone, *range(1, 13))
    wakes = 0
    while (at := lone.overlay.next_timeout()) is not None and at < 700.0:
        wakes += at > 100.0
        lone.overlay.handle_timeout(at)
        outputs(lone.box)
    assert wakes <= 600 / 5


def test_the_same_inputs_and_seed_give_the_same_outputs() -> None:
    def history() -> list[Any]:
        lone = started()
        link(lone, *range(1, 9))
        found = outputs(lone.box)
        while (at := lone.overlay.next_timeout()) is not None and at < 60.0:
            lone.overlay.handle_timeout(at)
            found += outputs(lone.box)
        return found

    assert history() == history()


def _tip(source: random.Random) -> Tip:
    index = source.randrange(12)
    options = {"version": source.randrange(3), "signed": source.random() < 0.8}
    peer: PeerRecord = record(index, copies=source.choice((0, 4, 16)), **options)
    return Tip(peer, source.random() * 4000, source.random() < 0.5)


def _record(source: random.Random) -> Record:
    tips = tuple(_tip(source) for _ in range(source.randrange(7)))
    token = source.randrange(40)
    known: tuple[Record, ...] = (
        PeerUpdate(_tip(source).peer),
        ShuffleRequest(token, tips),
        ShuffleAnswer(token, tips),
        RingQuery(token, source.random(), ()),
        RingAnswer(token, tips),
        Guest(source.random() * 9),
        Alone(),
        Stay(),
        Later(),
    )
    return source.choice(known)


def _step(lone: Lone, source: random.Random, name: NodeId, now: float) -> None:
    purpose = source.choice(tuple(Purpose))
    match source.randrange(9):
        case 0:
            lone.overlay.link_ready(name, source.random() < 0.5, purpose, now)
        case 1:
            lone.overlay.link_lost(name, now, goodbye=source.random() < 0.5)
        case 2:
            lone.overlay.dial_failed(name, source.choice(("full", "timeout")), now)
        case 3:
            rtt_s = source.choice((None, source.random()))
            lone.overlay.probed(source.randrange(60), rtt_s, now)
        case 4:
            lone.overlay.evidence(name, source.choice(tuple(Evidence)), now)
        case 5:
            lone.overlay.handle_timeout(now)
        case 6:
            lone.around.trees[name] = source.random() < 0.5
            lone.overlay.cost_moved(name, now)
        case _:
            lone.overlay.receive(name, _record(source), now)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_nothing_raises_and_all_bounds_hold_whatever_comes(seed: int) -> None:
    source = random.Random(seed)
    lone = started(
        copies=source.choice((0, 8)), links_accept=5, links_floor=2, guests=2
    )
    now = 0.0
    for _ in range(150):
        now += source.random() * 5
        _step(lone, source, node(source.randrange(1, 12)), now)
        outputs(lone.box)
        lone.overlay.take_changes()
    links, book = lone.state.links, lone.state.book
    assert ME not in links
    assert links.guests == sum(each.guest for each in links)
    assert len(book.near) <= 24
    assert len(book.random) <= 48
    held = [entry for entry in book.entries() if entry.held]
    pins = sum(each.entry is not None for each in links)
    pins += lone.overlay._neighbourhood.dialling + len(lone.overlay._healing.lost_peers)
    assert sum(entry.held for entry in held) == pins
    at = lone.overlay.next_timeout()
    assert at is not None
