"""Only signed records come in; what goes out is fresh, genuine and fitting."""

from __future__ import annotations

from typing import Any

from meshproto.events import Refused
from meshproto.ids import NodeId, short_id
from meshproto.outputs import Send
from meshproto.overlay.events import PeerLearned
from meshproto.overlay.exchange import Exchange
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.state import State
from meshproto.wire.control.overlay import (
    RingAnswer,
    RingQuery,
    ShuffleAnswer,
    ShuffleRequest,
    Tip,
)
from support.overlay_net import verify
from support.overlay_parts import ME, around, know, make_state, node, of, record


class Counting:
    """A verifier that counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, name: NodeId, data: bytes, signature: bytes) -> bool:
        self.calls += 1
        return verify(name, data, signature)


def made(**config: Any) -> tuple[State, Exchange, Counting]:
    state, counting = make_state(**config), Counting()
    return state, Exchange(state, counting), counting


def sent(state: State) -> list[Any]:
    return [send.record for send in of(state.outbox, Send)]


def tip(index: int, age_s: float = 0.0, linked: bool = False, **options: Any) -> Tip:
    return Tip(record(index, **options), age_s, linked)


def test_a_tip_becomes_a_remembered_peer_with_its_age_and_introducer() -> None:
    state, exchange, _ = made()
    known = exchange.take(node(9), (tip(1, 40.0), tip(2, 5.0, linked=True)), 100.0)
    assert known == [node(1), node(2)]
    one, two = state.book.get(node(1)), state.book.get(node(2))
    assert one is not None
    assert two is not None
    assert (one.seen_at, one.introducer) == (60.0, None)
    assert (two.seen_at, two.introducer) == (95.0, node(9))
    assert state.changes == [PeerLearned(node(1)), PeerLearned(node(2))]


def test_a_record_is_verified_once_per_content() -> None:
    _, exchange, counting = made()
    for _ in range(5):
        exchange.take(node(9), (tip(1),), 0.0)
    assert counting.calls == 1
    exchange.take(node(9), (tip(1, version=2),), 0.0)
    assert counting.calls == 2


def test_old_news_is_not_verified_again() -> None:
    state, exchange, counting = made()
    exchange.take(node(9), (tip(1, 50.0, version=3),), 100.0)
    exchange.take(node(9), (tip(1, 10.0, version=2),), 100.0)
    assert counting.calls == 1
    entry = state.book.get(node(1))
    assert entry is not None
    assert (entry.seen_at, entry.peer.version) == (90.0, 3)


def test_the_cache_of_verified_records_is_bounded() -> None:
    _, exchange, _ = made()
    for index in range(1, 200):
        assert exchange.genuine(record(index))
    assert len(exchange._verified) == 64


def test_newer_replaces_older_and_older_changes_nothing() -> None:
    state, exchange, _ = made()
    for version, copies in ((5, 8), (6, 7), (4, 5)):
        exchange.take(node(9), (tip(1, version=version, copies=copies),), 0.0)
    entry = state.book.get(node(1))
    assert entry is not None
    assert (entry.peer.version, entry.peer.copies) == (6, 7)


def test_a_forged_tip_is_refused_and_blamed_on_the_teller() -> None:
    state, exchange, _ = made()
    forged = Tip(record(1, signed=False), 0.0, False)
    assert exchange.take(node(9), (forged, tip(2)), 0.0) == []
    assert of(state.outbox, Refused) == [Refused(node(9), "tip-signature")]
    assert not state.capacity.good(node(9), 0.0)
    assert len(state.book) == 0


def test_a_changed_record_under_a_known_version_is_not_believed() -> None:
    _, exchange, _ = made()
    genuine = record(1)
    assert exchange.genuine(genuine)
    fields = {name: getattr(genuine, name) for name, _ in type(genuine).CODECS}
    fields["copies"] = 4000
    assert not exchange.genuine(type(genuine)(**fields))


def test_ones_own_record_is_no_news() -> None:
    state, exchange, _ = made()
    assert exchange.take(node(9), (tip(0),), 0.0) == []
    assert state.me == ME
    assert len(state.book) == 0


def test_thin_peers_are_remembered_only_while_capable_ones_are_few() -> None:
    state, exchange, _ = made(capable_few=2)
    exchange.take(node(9), (tip(1, copies=1), tip(2), tip(3)), 0.0)
    assert exchange.take(node(9), (tip(4, copies=1),), 0.0) == []
    assert node(1) in state.book


def test_a_shuffle_gives_six_and_gets_six() -> None:
    state, exchange, _ = made()
    know(state, range(1, 21), 0.02)
    exchange.shuffle(node(9), 10.0)
    exchange.answer_shuffle(node(8), ShuffleRequest(4, (tip(30),)), 10.0)
    request, answer = sent(state)
    assert len(request.tips) == len(answer.tips) == 6
    assert answer.token == 4
    assert all(each.age_s == 10.0 for each in request.tips)
    assert node(30) in state.book


def test_nobody_is_told_about_itself_or_about_the_doubtful() -> None:
    state, exchange, _ = made()
    know(state, range(1, 5))
    entries = {index: state.book.get(node(index)) for index in range(1, 5)}
    assert all(entry is not None for entry in entries.values())
    entries[1].failures = 1  # type: ignore[union-attr]
    entries[2].seen_at = -5000.0  # type: ignore[union-attr]
    state.book.hold(record(6, signed=False))
    exchange.shuffle(node(3), 10.0)
    (request,) = sent(state)
    assert [each.peer.node for each in request.tips] == [node(4)]


def test_a_ring_answer_names_those_as_far_as_the_asker() -> None:
    state, exchange, _ = made()
    know(state, range(1, 21), 0.010)
    exchange.answer_ring(node(9), RingQuery(7, 0.0201, ()), 0.0)
    (answer,) = sent(state)
    assert isinstance(answer, RingAnswer)

    named = {each.peer.node for each in answer.tips}
    # 9 is who asked
    assert named == {node(index) for index in (8, 10, 11, 12, 13, 14)}
    assert answer.tips[0].peer.node == node(11)


def test_a_ring_answer_leaves_out_whom_the_asker_knows() -> None:
    state, exchange, _ = made()
    know(state, range(1, 4), 0.010)
    skip = (short_id(node(1)), short_id(node(3)))
    exchange.answer_ring(node(9), RingQuery(7, 0.01, skip), 0.0)
    (answer,) = sent(state)
    assert [each.peer.node for each in answer.tips] == [node(2)]


def test_a_question_says_how_far_and_whom_one_knows() -> None:
    state, exchange, _ = made()
    know(state, range(1, 4), 0.010)
    around(state).rtts_s[node(9)] = 0.033
    token = exchange.ask_ring(node(9))
    (query,) = sent(state)
    assert query == RingQuery(token, 0.033, tuple(short_id(node(i)) for i in (1, 2, 3)))


def test_an_answer_counts_once_and_only_from_whom_was_asked() -> None:
    _, exchange, _ = made()
    token = exchange.ask_ring(node(9))
    assert not exchange.closes(node(8), token)
    assert exchange.closes(node(9), token)
    assert not exchange.closes(node(9), token)


def test_neighbours_are_told_as_fresh_and_linked() -> None:
    state, exchange, _ = made()
    link = Link(node(1), Kind.NEAR, True, 0.0)
    link.entry = state.book.hold(record(1))
    state.links.add(link)
    exchange.answer_shuffle(node(9), ShuffleRequest(2, ()), 500.0)
    (answer,) = sent(state)
    assert answer == ShuffleAnswer(2, (Tip(record(1), 0.0, True),))
