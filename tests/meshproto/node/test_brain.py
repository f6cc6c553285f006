"""The brain as its drivers see it: verbs in, outputs out, and nobody can hurt it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.config.distribution import DistributionConfig
from meshproto.config.link import LinkConfig
from meshproto.config.routing import RoutingConfig
from meshproto.errors import StateError
from meshproto.events import LimitReached, Refused
from meshproto.forwarding.relay_table import OpenLeg, OpenStream, SetActive
from meshproto.ids import LinkId
from meshproto.link.events import (
    DescriptorArrived,
    IntroductionFailed,
    LinkFailed,
    LinkLost,
    LinkReady,
)
from meshproto.link.links import Links
from meshproto.node import NodeConfig
from meshproto.outputs import (
    Dial,
    HangUp,
    Outbox,
    Pace,
    Purpose,
    Transmit,
)
from meshproto.wire.control.link import Introduce
from meshproto.wire.control.schema import Record
from tests.support.any_record import Invention
from tests.support.brains import (
    RATES,
    STREAM,
    Brains,
    ability,
    couple,
    name,
    tree_of_two,
)

# --- the contract of a machine


def test_a_brain_alone_has_nothing_to_say_and_something_to_wait_for() -> None:
    brains = Brains(1)
    assert brains.outputs == [[]]
    assert brains.nodes[0].poll() is None
    assert brains.nodes[0].next_timeout() is not None


def test_looking_at_the_deadline_changes_nothing() -> None:
    brains = tree_of_two()
    node = brains.nodes[1]
    looks = {node.next_timeout() for _ in range(100)}
    assert len(looks) == 1
    assert node.poll() is None


def test_time_that_comes_too_early_changes_nothing() -> None:
    brains = tree_of_two()
    node, before = brains.nodes[1], brains.nodes[1].next_timeout()
    assert before is not None
    node.handle_timeout(before - 1e-6)
    assert node.poll() is None
    assert node.next_timeout() == before


def test_the_plane_is_programmed_in_order_and_before_the_neighbour_is_answered() -> (
    None
):
    brains = couple()
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    node = brains.nodes[1]
    node.subscribe(STREAM, name(0), 1, 1, brains.now)
    outputs = []
    while (output := node.poll()) is not None:
        outputs.append(output)
    kinds = [type(output) for output in outputs]
    assert kinds.index(OpenStream) < kinds.index(Transmit)
    assert kinds[-1] is Transmit  # what one input causes leaves in as few frames
    assert kinds.count(Transmit) == 1


def test_the_same_inputs_give_the_same_outputs() -> None:
    one, two = tree_of_two(), tree_of_two()
    one.run(20.0)
    two.run(20.0)
    assert one.outputs == two.outputs
    assert one.frames == two.frames


def test_a_link_that_comes_up_twice_is_a_mistake_of_the_driver() -> None:
    brains = Brains(2)
    here, _ = brains.link(0, 1)
    with pytest.raises(StateError):
        brains.nodes[0].link_up(here, name(1), 0.02, True, Purpose.OVERLAY, 0.0)


# --- links


def test_neighbours_know_each_other_and_the_way_to_an_origin() -> None:
    brains = Brains(3)
    brains.link(0, 1)
    brains.link(1, 2)
    brains.run(1.0)
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.call(2, brains.nodes[2].subscribe, STREAM, name(0), 1, 1)
    brains.run(2.0)
    assert brains.nodes[0].peer(name(1)) == brains.nodes[1].record()
    assert brains.nodes[1].next_hop(name(0)) == name(0)
    assert brains.nodes[2].next_hop(name(0)) == name(1)
    # a node in the middle passes the route on, so it has a distance to hold to
    serial, metric = brains.nodes[1].view.router.distance(name(0)) or ((0, 0), -1)
    assert serial[0] > 0
    assert metric > 0
    assert brains.nodes[0].next_hop(name(0)) is None


def test_a_link_that_carries_a_tree_is_checked_more_often() -> None:
    brains = tree_of_two()
    assert brains.saw(1, Pace) == [Pace(name(0), True)]
    brains.call(1, brains.nodes[1].unsubscribe, STREAM)
    brains.run(5.0)
    assert brains.saw(1, Pace)[-1] == Pace(name(0), False)


def test_every_machine_forgets_a_neighbour_whose_link_is_lost() -> None:
    brains = tree_of_two()
    node = brains.nodes[1]
    link = LinkId(3)  # the far end of the first link
    brains.call(1, node.link_down, link)
    assert brains.saw(1, LinkLost) == [LinkLost(name(0), "closed")]
    assert node.next_hop(name(0)) is None
    last = brains.saw(1, SetActive)[-1]
    assert last == SetActive(STREAM, None)
    before = len(brains.frames)
    brains.run(1.0)
    sent = [frame for sender, frame in brains.frames[before:] if sender == 1]
    assert not sent  # nobody is left to talk to


def test_a_link_that_never_was_ready_fails() -> None:
    brains = Brains(2)
    brains.lose = lambda source, to: True
    brains.link(0, 1)
    brains.run(10.0)
    assert brains.saw(0, LinkFailed) == [LinkFailed(name(1), "greeting")]
    assert brains.saw(0, HangUp) == [HangUp(name(1), "greeting")]


def test_missed_checks_end_a_link_and_answered_ones_measure_it() -> None:
    brains = couple()
    node = brains.nodes[0]
    brains.lose = lambda source, to: True
    for _ in range(8):
        brains.call(0, node.checked, [(name(1), None)])
        brains.run(1.0)
    assert brains.saw(0, LinkLost)
    assert brains.saw(0, HangUp)


def test_a_restarted_neighbour_is_linked_again_for_the_same_purpose() -> None:
    """The association outlives the process here, as a resumed one does."""
    brains = Brains(2)
    _, there = brains.link(0, 1, Purpose.TREE)
    brains.run(1.0)
    brains.call(1, brains.nodes[1].publish, STREAM, RATES)
    brains.restart(1)
    args = (there, name(0), 0.02, False, Purpose.TREE)
    brains.call(1, brains.nodes[1].link_up, *args)
    brains.run(1.0)
    lost = brains.saw(0, LinkLost)
    assert lost == [LinkLost(name(1), "restarted")]
    assert len(brains.saw(0, LinkReady)) == 2
    brains.call(1, brains.nodes[1].publish, STREAM, RATES)
    brains.run(2.0)
    # why none: routes run over links of the overlay only (RFC 0010 section 2)
    assert brains.nodes[0].next_hop(name(1)) is None


def test_a_link_of_the_graph_stays_one_when_a_dial_for_a_tree_replaces_it() -> None:
    brains = couple(Purpose.OVERLAY)
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.call(1, brains.nodes[1].subscribe, STREAM, name(0), 1, 1)
    brains.run(1.0)
    brains.link(0, 1, Purpose.TREE)
    brains.run(1.0)
    assert [e.reason for e in brains.saw(1, LinkLost) if isinstance(e, LinkLost)] == [
        "replaced"
    ]
    assert brains.nodes[1].next_hop(name(0)) == name(0)


def test_a_new_epoch_takes_over_from_the_old_one() -> None:
    brains = tree_of_two()
    old = brains.nodes[0].record().epoch
    brains.restart(0)
    brains.link(0, 1)
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.run(3.0)
    peer = brains.nodes[1].peer(name(0))
    assert peer is not None
    assert peer.epoch > old
    assert brains.nodes[1].next_hop(name(0)) == name(0)
    active = [d.parent for d in brains.saw(1, SetActive) if isinstance(d, SetActive)]
    assert active[-1] == name(0)


def test_a_full_table_of_links_refuses_and_forgets_the_dial() -> None:
    brains = Brains(3, NodeConfig(link=LinkConfig(links=1)))
    brains.link(0, 1)
    brains.run(1.0)
    brains.link(0, 2)
    assert LimitReached("links", 1) in brains.outputs[0]
    assert brains.saw(0, HangUp) == [HangUp(name(2), "full")]
    assert list(brains.nodes[0]._dialled) == [name(1)]


def test_whoever_hangs_up_says_goodbye_and_all_its_machines_know() -> None:
    """The overlay drops a neighbour: its link is gone for routes and trees too."""
    brains = tree_of_two()
    node = brains.nodes[0]
    node._overlay._neighbourhood.drop(name(1), "traded")
    brains.call(0, node.handle_timeout)
    assert brains.saw(0, HangUp) == [HangUp(name(1), "traded")]
    assert brains.saw(0, LinkLost) == [LinkLost(name(1), "traded")]
    assert not node._view.linked(name(1))
    # the goodbye was sent before the driver hung up
    assert brains.frames[-1][0] == 0
    brains.run(0.5)
    assert not brains.saw(1, LinkReady)[1:]


def test_introductions_pass_through_and_end_at_the_driver() -> None:
    brains = Brains(3)
    brains.link(0, 1)
    brains.link(1, 2)
    brains.run(1.0)
    links = brains.nodes[0]._links
    links.send(name(1), Introduce(name(2), b"sealed"), brains.now)
    links.send(name(1), Introduce(name(9), b"sealed"), brains.now)
    brains.call(0, brains.nodes[0].handle_timeout)
    brains.run(0.5)
    assert brains.saw(2, DescriptorArrived) == [
        DescriptorArrived(name(0), name(1), b"sealed")
    ]
    assert brains.saw(0, IntroductionFailed) == [IntroductionFailed(name(9), name(1))]


# --- the overlay and trees


def test_a_brain_dials_whom_it_is_told_of_and_copes_when_that_fails() -> None:
    brains = Brains(2)
    peer = brains.nodes[1].record()
    brains.restart(0)
    node = brains.nodes[0]
    node._overlay._healing.start((peer,), brains.now)
    brains.run(1.0)
    dials = [d for d in brains.saw(0, Dial) if isinstance(d, Dial)]
    assert dials or brains.nodes[0].next_timeout() is not None
    brains.call(0, node.dial_failed, name(1), "timeout")
    assert node.accepts(peer, Purpose.OVERLAY, brains.now) is None
    forged = replace(peer, signature=b"x")
    assert node.accepts(forged, Purpose.OVERLAY, brains.now) == "signature"


def test_a_mesh_of_five_finds_itself_and_everybody_is_served() -> None:
    brains = Brains(5, dial=True)
    for number in range(1, 5):
        brains.link(number, 0)
    brains.run(5.0)
    brains.call(4, brains.nodes[4].publish, STREAM, RATES)
    for number in range(4):
        brains.call(number, brains.nodes[number].subscribe, STREAM, name(4), 1, 1)
    brains.run(5.0)
    for number in range(4):
        last = brains.saw(number, SetActive)[-1]
        assert isinstance(last, SetActive)
        assert last.parent is not None
    legs = [len(brains.saw(number, OpenLeg)) for number in range(5)]
    assert sum(legs) >= 4


def test_a_node_that_leaves_hands_its_children_over() -> None:
    brains = tree_of_two()
    brains.call(0, brains.nodes[0].leave)
    brains.run(3.0)
    last = brains.saw(1, SetActive)[-1]
    assert last == SetActive(STREAM, None)


def test_octets_are_counted_by_the_package_that_sent_them() -> None:
    quiet, busy = couple(), tree_of_two()
    assert set(quiet.nodes[0].sent_octets()) >= {
        *("link", "overlay", "directory", "routing", "distribution")
    }
    assert quiet.nodes[0].sent_octets()["distribution"] == 0
    assert quiet.nodes[0].sent_octets()["overlay"] > 0
    assert busy.nodes[0].sent_octets()["routing"] > 0
    assert busy.nodes[1].sent_octets()["distribution"] > 0
    sent = sum(len(frame) for sender, frame in busy.frames if sender == 1)
    assert sum(busy.nodes[1].sent_octets().values()) < sent


def test_what_a_node_has_to_give_can_change() -> None:
    brains = couple()
    brains.call(0, brains.nodes[0].able, ability(0, copies=1))
    brains.run(15.0)
    peer = brains.nodes[1].peer(name(0))
    assert peer is not None
    assert peer.copies == 1


def test_a_node_out_of_breath_still_tells_routes_on_and_a_thin_one_does_not() -> None:
    brains = Brains(3)
    brains.link(0, 1)
    brains.link(1, 2)
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.run(1.0)
    breathless = replace(ability(1, copies=1), usual_copies=8)
    brains.call(1, brains.nodes[1].able, breathless)
    brains.run(1.0)
    assert brains.nodes[2].next_hop(name(0)) == name(1)
    brains.run(14.0)
    peer = brains.nodes[2].peer(name(1))
    assert peer is not None
    assert (peer.copies, peer.free) == (8, 1)
    brains.call(1, brains.nodes[1].able, ability(1, copies=1))
    brains.run(1.0)
    assert brains.nodes[2].next_hop(name(0)) is None


def test_an_unknown_probe_and_an_unknown_link_are_nothing() -> None:
    brains = couple()
    node = brains.nodes[0]
    for token in (0, 1, 12, 13):
        brains.call(0, node.probed, token, 0.01)
        brains.call(0, node.probed, token, None)
    brains.call(0, node.link_down, LinkId(99))
    brains.call(0, node.receive, LinkId(99), b"anything")
    assert brains.saw(0, Refused) == [Refused(None, "link-unknown")]


# --- hostile neighbours

SMALL = NodeConfig(
    link=LinkConfig(penalties=1e6, frames_per_s=1e6, frames_burst=1e6),
    routing=RoutingConfig(origins_max=6, sources_max=8, local_max=4),
    distribution=DistributionConfig(
        trees_max=3, queue_max=2, known_max=4, locks_max=3, probes_max=3,
        candidates_max=4, standby_children_max=2,
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=1_200), max_size=30))
def test_no_octets_hurt_a_brain(frames: list[bytes]) -> None:
    brains = couple()
    node = brains.nodes[0]
    for frame in frames:
        brains.call(0, node.receive, LinkId(2), frame)
        brains.call(0, node.gossip_received, name(1), frame)
    brains.run(1.0)
    assert not [o for o in brains.outputs[0] if isinstance(o, LimitReached)]


class Stranger:
    """The link machine of an honest node with a mind that says anything at all."""

    def __init__(self, victim: Brains, seed: int) -> None:
        self.brains = victim
        self.me = name(7)
        self.outbox = Outbox()
        self.links = Links(self.me, 5, SMALL.link, self.outbox, random.Random(seed))
        self.invention = Invention(random.Random(seed))
        self.heard: list[Record] = []
        self.link = LinkId(777)
        self.links.up(LinkId(1), name(0), 0.02, victim.now)
        args = (self.link, self.me, 0.02, False, Purpose.OVERLAY)
        victim.nodes[0].link_up(*args, victim.now)
        for peer in [brain.record() for brain in victim.nodes]:
            self.invention.learn(peer)
        self.invention.values += [self.me, STREAM]
        for _ in range(6):
            self.pump()

    def pump(self) -> None:
        """Exchange frames with the victim at once."""
        node, now = self.brains.nodes[0], self.brains.now
        self.links.flush(now)
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Transmit):
                node.receive(self.link, output.frame, now)
        while (said := node.poll()) is not None:
            if isinstance(said, Transmit) and said.link == self.link:
                for record in self.links.receive(LinkId(1), said.frame, now):
                    self.invention.learn(record)
            elif isinstance(said, Transmit):
                self.brains._transmit(0, said)
            else:
                self.brains.outputs[0].append(said)

    def say(self, count: int) -> None:
        for _ in range(count):
            self.links.send(name(0), self.invention.record(), self.brains.now)
        self.pump()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 12), max_size=25))
def test_no_record_of_a_linked_stranger_hurts_a_brain(
    seed: int, talk: list[int]
) -> None:
    """Records of every kind with values of the victim's own: its tables stay bounded,
    and it serves its honest neighbour afterwards.
    """
    brains = Brains(2, SMALL)
    brains.link(0, 1)
    brains.run(0.5)
    brains.call(0, brains.nodes[0].publish, STREAM, RATES)
    brains.call(1, brains.nodes[1].subscribe, STREAM, name(0), 1, 1)
    brains.run(0.5)
    stranger = Stranger(brains, seed)
    assert stranger.links.linked(name(0))
    for count in talk:
        stranger.say(count)
        brains.run(0.2)
        stranger.pump()
        bounded(brains)
    brains.call(1, brains.nodes[1].unsubscribe, STREAM)
    brains.run(12.0)
    brains.call(1, brains.nodes[1].subscribe, STREAM, name(0), 1, 1)
    brains.run(3.0)
    last = brains.saw(1, SetActive)[-1]
    assert isinstance(last, SetActive)
    assert last.parent == name(0)


def bounded(brains: Brains) -> None:
    """No table of the victim is above its named limit."""
    node, config = brains.nodes[0], SMALL
    entries, live, links = node._router.sizes()
    assert entries <= config.routing.sources_max + config.routing.local_max
    assert live <= config.routing.origins_max
    assert links <= config.routing.neighbours_max
    trees = node._trees._shared.trees
    limits = config.distribution
    assert len(trees) <= limits.trees_max
    assert len(node._trees._shared.probes) <= limits.probes_max
    for tree in trees.values():
        assert len(tree.queue) <= limits.queue_max
        assert len(tree.known) <= limits.known_max
        assert len(tree.locks) <= limits.locks_max
        assert len(tree.commits) <= limits.locks_max
        assert len(tree.heirs) <= limits.children_max
        assert len(tree.children) <= limits.children_max + limits.standby_children_max
    assert len(node._dialled) <= config.link.links
