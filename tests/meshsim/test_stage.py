"""What workload and faults do to machines."""

from __future__ import annotations

from meshsim.faults import Fault, What, Who
from meshsim.strikes import Faults
from meshsim.workload import Stream
from support.run import Small


def test_a_relay_that_dies_is_replaced_and_counted() -> None:
    small = Small()
    victim = small.relay()
    small.stage.stop(victim, small.now, goodbye=False)
    assert small.mesh.alive() == [n for n in range(8) if n != victim]
    assert small.run.seen.faults[-1].nodes == (victim,)
    small.wait(8.0)
    assert small.orphans() == []
    repairs = [r for r in small.run.seen.repairs if r.fault == 0]
    assert repairs
    assert all(repair.gap_s is not None for repair in repairs)


def test_a_strike_is_counted_once_and_a_later_death_of_the_same_node_again() -> None:
    small = Small()
    crash = Fault(What.CRASH, 11.0, Who.NODES, (3,), for_s=2.0, label="one")
    Faults(small.engine, small.stage).schedule([crash])
    small.wait(5.0)
    assert [fault.label for fault in small.run.seen.faults] == ["one"]
    small.stage.stop(3, small.now, goodbye=False)
    assert [fault.kind for fault in small.run.seen.faults] == ["crash", "churn"]


def test_who_leaves_hands_its_children_over_first() -> None:
    small = Small()
    victim = small.relay()
    small.stage.stop(victim, small.now, goodbye=True)
    assert small.mesh.hosts[victim].up
    small.wait(2.5)
    assert not small.mesh.hosts[victim].up
    assert small.orphans() == []
    small.stage.stop(victim, small.now, goodbye=True)  # a second time is nothing


def test_a_viewer_comes_back_with_its_machine() -> None:
    small = Small()
    small.stage.stop(4, small.now, goodbye=False)
    small.wait(1.0)
    small.stage.start(4, small.now, keep_state=True)
    small.stage.start(4, small.now, keep_state=True)
    small.wait(5.0)
    assert small.mesh.parent(4) is not None


def test_a_process_with_state_remembers_its_neighbours() -> None:
    small = Small()
    host = small.mesh.hosts[4]
    neighbours = {far.node for far in host.links.values()}
    small.stage.stop(4, small.now, goodbye=False)
    assert {record.node for record in host.remembered} <= neighbours
    assert host.remembered


def test_viewers_and_publishers_come_and_go() -> None:
    small = Small()
    small.stage.unsubscribe(5, "main", small.now)
    small.stage.unsubscribe(5, "main", small.now)
    small.wait(4.0)
    stream = next(iter(small.mesh.clocks))
    assert stream not in small.mesh.hosts[5].watching
    small.stage.subscribe(5, "main", small.now)
    small.wait(2.0)
    assert small.mesh.parent(5) is not None
    small.stage.unpublish(0, Stream("main"), small.now)
    small.wait(3.0)
    assert small.mesh.origins() == []
    assert all(small.mesh.parent(node) is None for node in range(8))


def test_the_numbers_of_a_stream_go_on_at_another_publisher() -> None:
    small = Small()
    clock = next(iter(small.mesh.clocks.values()))
    small.stage.unpublish(0, Stream("main"), small.now)
    small.stage.publish(6, Stream("main"), small.now)
    again = next(iter(small.mesh.clocks.values()))
    assert again.sequence > clock.sequence
    assert again.origin == 6


def test_a_new_address_kills_the_links_of_the_old_one() -> None:
    small = Small()
    address = small.mesh.addresses.of(4)
    small.stage.readdress(4, small.now)
    assert small.mesh.addresses.of(4) != address
    assert small.mesh.addresses.node_at(address) is None
    here = small.mesh.hosts[4].id
    assert not any(here in [f.node for f in h.links.values()] for h in small.mesh.hosts)
    # the others refuse new links until they miss the old ones; rounds rest in between
    small.wait(25.0)
    assert small.orphans() == []


def test_a_liar_claims_ten_times_what_it_has() -> None:
    small = Small()
    small.stage.lie(4, "capacity", small.now)
    small.wait(11.0)
    assert small.mesh.hosts[4].node.record().copies == 80
