"""A search asks, probes and approaches; rounds grow rarer and wake up again."""

from __future__ import annotations

from typing import Any

from meshproto.outputs import Dial, Probe, Purpose, Send
from meshproto.overlay.events import SearchEnded
from meshproto.overlay.exchange import Exchange
from meshproto.overlay.exploration import Exploration, Why
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task
from meshproto.overlay.upkeep import Upkeep
from meshproto.wire.control.overlay import RingQuery
from support.overlay_net import verify
from support.overlay_parts import around, know, make_state, node, of, outputs, record


class Explorer:
    """An exploration with its parts and one link, 100 ms away."""

    def __init__(self, **config: Any) -> None:
        self.state: State = make_state(**config)
        self.exchange = Exchange(self.state, verify)
        self.hood = Neighbourhood(self.state)
        upkeep = Upkeep(self.state, self.hood)
        self.exploration = Exploration(self.state, self.exchange, self.hood, upkeep)
        self.link(100, 0.1)

    def link(self, index: int, rtt_s: float, kind: Kind = Kind.NEAR) -> None:
        link = Link(node(index), kind, True, 0.0)
        link.entry = self.state.book.hold(record(index))
        around(self.state).rtts_s[node(index)] = rtt_s
        self.state.links.add(link)

    def learned(self, indices: range) -> list[Any]:
        know(self.state, indices)
        return [node(index) for index in indices]

    def ask(self, now: float = 0.0) -> int:
        self.exploration.begin(now)
        (query,) = of(self.state.outbox, Send)
        assert isinstance(query.record, RingQuery)
        return query.record.token


def test_a_search_asks_the_link_there_is() -> None:
    explorer = Explorer()
    explorer.exploration.begin(0.0)
    (query,) = of(explorer.state.outbox, Send)
    assert query.neighbour == node(100)
    assert query.record.rtt_s == 0.1
    assert explorer.exploration.searching


def test_four_of_six_are_probed_at_once() -> None:
    explorer = Explorer()
    token = explorer.ask()
    explorer.exploration.told(node(100), token, explorer.learned(range(1, 7)), 0.1)
    probes = of(explorer.state.outbox, Probe)
    assert [p.address.ip[2] for p in probes] == [1, 2, 3, 4]
    assert len({p.token for p in probes}) == 4
    assert all(p.token % 2 == 0 for p in probes)


def test_what_is_nearer_is_dialled_so_that_it_can_be_asked() -> None:
    explorer = Explorer()
    token = explorer.ask()
    explorer.exploration.told(node(100), token, explorer.learned(range(1, 7)), 0.1)
    probes = of(explorer.state.outbox, Probe)
    explorer.exploration.probed(probes[1].token, 0.02, 0.12)
    (dial,) = of(explorer.state.outbox, Dial)
    assert dial.peer.node == node(2)
    explorer.hood.ready(node(2), True, Purpose.OVERLAY, 0.2)
    around(explorer.state).rtts_s[node(2)] = 0.02
    explorer.exploration.pump(0.2)
    asked = [s.neighbour for s in of(explorer.state.outbox, Send)]
    assert asked == [node(2)]


def test_one_half_as_far_does_not_wait_for_links_to_those_beyond() -> None:
    explorer = Explorer()
    token = explorer.ask()
    explorer.exploration.told(node(100), token, explorer.learned(range(1, 7)), 0.1)
    probes = of(explorer.state.outbox, Probe)
    for probe, rtt_s in zip(probes[:4], (0.09, 0.08, 0.07, 0.03), strict=True):
        explorer.exploration.probed(probe.token, rtt_s, 0.12)
    dials = [dial.peer.node for dial in of(explorer.state.outbox, Dial)]
    # two at a time, but for the last: it is less than half as far
    assert dials == [node(1), node(2), node(4)]


def test_a_search_never_spends_more_than_its_probes() -> None:
    explorer = Explorer()
    token = explorer.ask()
    probes = 0
    explorer.exploration.told(node(100), token, explorer.learned(range(1, 41)), 0.1)
    while waiting := of(explorer.state.outbox, Probe):
        probes += len(waiting)
        for probe in waiting:
            explorer.exploration.probed(probe.token, 0.2, 0.2)
    assert probes == 32
    assert not explorer.exploration.searching


def test_the_end_of_a_search_is_told_and_links_are_made() -> None:
    explorer = Explorer()
    know(explorer.state, range(1, 7), 0.01)
    explorer.exploration.begin(0.0)
    outputs(explorer.state.outbox)
    explorer.exploration.end(2.5)
    found = outputs(explorer.state.outbox)
    ended = next(event for event in found if isinstance(event, SearchEnded))
    assert (ended.probes, ended.took_s, ended.nearest_s) == (0, 2.5, 0.01)
    assert len(ended.found) == 6
    assert len([output for output in found if isinstance(output, Dial)]) == 5
    assert explorer.state.timers.at(Task.SEARCH_END) is None
    assert explorer.state.timers.at(Task.EXPLORE) == 3.5


def test_an_unanswered_search_ends_by_its_deadline() -> None:
    explorer = Explorer()
    explorer.ask()
    assert explorer.state.timers.at(Task.SEARCH_END) == explorer.state.config.search_s


def test_searches_are_a_minute_apart() -> None:
    explorer = Explorer()
    explorer.ask()
    explorer.exploration.end(2.0)
    explorer.exploration.begin(59.0)
    assert not explorer.exploration.searching
    explorer.exploration.begin(60.0)
    assert explorer.exploration.searching


def test_rounds_that_find_nothing_slow_down_to_one_probe_in_ten_seconds() -> None:
    explorer = Explorer()
    explorer.ask()
    explorer.exploration.end(0.0)
    know(explorer.state, range(1, 9), 0.5)
    pauses, probes = [], []
    now = 1.0
    for _ in range(12):
        outputs(explorer.state.outbox)
        explorer.exploration.round(now)
        probes.append(len(of(explorer.state.outbox, Probe)))
        at = explorer.state.timers.at(Task.EXPLORE)
        assert at is not None
        pauses.append(at - now)
        now = at
    assert pauses[0] < 1.7
    assert 9.0 <= pauses[-1] <= 11.0
    assert explorer.exploration.settled
    assert set(probes) == {1}


def test_a_find_brings_rounds_back_to_a_second_and_four_probes() -> None:
    explorer = Explorer()
    explorer.ask()
    explorer.exploration.end(0.0)
    for index in range(101, 113):
        explorer.link(index, 0.1)
    explorer.exploration._pause_s = 10.0
    know(explorer.state, range(1, 9))
    explorer.exploration.round(1.0)
    (probe,) = of(explorer.state.outbox, Probe)
    explorer.exploration.probed(probe.token, 0.001, 1.1)
    explorer.exploration.round(11.0)
    assert len(of(explorer.state.outbox, Probe)) == 4
    at = explorer.state.timers.at(Task.EXPLORE)
    assert at is not None
    assert at <= 12.1


def test_a_settled_node_measures_its_stalest_near_peer_again() -> None:
    explorer = Explorer()
    explorer.ask()
    explorer.exploration.end(0.0)
    know(explorer.state, range(1, 9), 0.5)
    for index in range(1, 9):
        entry = explorer.state.book.get(node(index))
        assert entry is not None
        entry.seen_at = 100.0 - index
        entry.retry_at = 1e9
    outputs(explorer.state.outbox)
    explorer.exploration.round(101.0)
    (probe,) = of(explorer.state.outbox, Probe)
    assert probe.address.ip[2] == 8


def test_a_peer_silent_twice_is_forgotten() -> None:
    explorer = Explorer()
    know(explorer.state, range(1, 2))
    entry = explorer.state.book.get(node(1))
    assert entry is not None
    for _ in range(2):
        assert node(1) in explorer.state.book
        assert explorer.exploration.probe(entry, Why.ROUND)
        (probe,) = of(explorer.state.outbox, Probe)
        assert explorer.exploration.probed(probe.token, None, 1.0) is Why.ROUND
    assert node(1) not in explorer.state.book


def test_unknown_tokens_are_nobodys() -> None:
    explorer = Explorer()
    assert explorer.exploration.probed(998, 0.1, 0.0) is None
    assert explorer.exploration.probing(998) is None


def test_probes_under_way_are_bounded() -> None:
    explorer = Explorer(probes_outstanding=3)
    know(explorer.state, range(1, 9))
    sent = [
        explorer.exploration.probe(entry, Why.ROUND)
        for entry in list(explorer.state.book.remembered())
    ]
    assert sent.count(True) == 3
