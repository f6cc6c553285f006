"""One machine: it starts, is checked, freezes, thaws, dies and comes back."""

from __future__ import annotations

import pytest

from meshproto.ids import StreamId
from meshproto.outputs import Purpose
from meshsim.host import Far
from meshsim.network import Kind
from meshsim.plane import SimPlane
from support.run import Small


@pytest.fixture
def small() -> Small:
    return Small()


def test_every_start_is_a_new_life_with_a_higher_epoch(small: Small) -> None:
    host = small.mesh.hosts[3]
    epoch, generation, node = host.epoch, host.generation, host.node
    sent = host.sent_octets()
    small.stage.stop(3, small.now, goodbye=False)
    assert host.next_timeout() is None
    assert sent["distribution"] > 0
    assert host.sent_octets() == sent  # a machine's books outlive its processes
    small.stage.start(3, small.now, keep_state=True)
    assert all(n >= sent[name] for name, n in host.sent_octets().items())
    assert host.epoch > epoch
    assert host.generation == generation + 1
    assert host.node is not node
    assert host.plane.streams == {} or host.links == {}


def test_a_dead_machine_hears_nothing(small: Small) -> None:
    host = small.mesh.hosts[3]
    small.stage.stop(3, small.now, goodbye=False)
    host.tell(host.node.leave, small.now)
    assert host.node.poll() is None


def test_what_comes_while_frozen_is_read_when_it_thaws(small: Small) -> None:
    host = small.mesh.hosts[3]
    newest = small.newest(3)
    small.stage.freeze(3, small.now)
    for _ in range(10):
        small.wait(0.0 if host.frozen else 0.1)
    assert host.frozen
    assert host.next_timeout() is None
    assert small.newest(3) <= newest + 1
    small.stage.thaw(3, small.now)
    assert host.frozen is None
    small.wait(5.0)
    assert small.newest(3) > newest + 10


def test_checks_of_links_that_are_well_are_counted_and_measured(small: Small) -> None:
    before = sum(small.mesh.network.octets[Kind.PROBE])
    small.wait(4.0)
    links = sum(len(host.links) for host in small.mesh.hosts)
    packets = (sum(small.mesh.network.octets[Kind.PROBE]) - before) / (84 + 28)
    assert packets >= 4 * links  # two rounds, both ends count both
    assert not any(
        far.dense for host in small.mesh.hosts for far in host.links.values()
    )


def test_a_neighbour_that_died_is_watched_closely_and_given_up(small: Small) -> None:
    dead = small.mesh.hosts[3].id
    near = [host for host in small.mesh.hosts if dead in host.by_node]
    small.stage.stop(3, small.now, goodbye=False)
    assert all(host.by_node[dead].dense for host in near)
    small.wait(12.0)
    assert not any(dead in host.by_node for host in near)


def test_a_link_that_answers_again_is_watched_no_more(small: Small) -> None:
    host = small.mesh.hosts[1]
    far = next(iter(host.links.values()))
    host.watch_closely(far)
    assert far.dense
    small.wait(12.0)
    assert not far.dense
    assert far.link in host.links


def test_a_link_stands_at_both_ends_and_is_closed_at_both(small: Small) -> None:
    host = small.mesh.hosts[1]
    far = next(iter(host.links.values()))
    there = small.mesh.hosts[far.host]
    assert there.links[far.remote].node == host.id
    small.mesh.wiring.hang_up(host, far)
    assert far.link not in host.links
    small.wait(0.1)
    assert far.remote not in there.links
    there.link_down(far.remote, small.now)  # a second close is nothing


def test_a_plane_judges_a_silence_only_at_the_time_it_asked_for_last(
    small: Small,
) -> None:
    host, stream = small.mesh.hosts[2], next(iter(small.mesh.clocks))
    judged: list[float] = []

    class Judge(SimPlane):
        """Writes down when it is asked, and asks for nothing itself."""

        def judge(self, stream: StreamId, now: float) -> None:
            judged.append(now)

    plane = Judge(host.plane._world, host.plane._deliver)
    plane.streams, host.plane = {}, plane
    host._wakes.clear()
    host.wake(stream, small.now + 2.0)
    host.wake(stream, small.now + 1.0)
    host.wake(stream, small.now + 3.0)
    at = small.now + 1.0
    small.wait(4.0)
    assert judged == [at]


def test_the_plane_is_asked_for_what_it_holds(small: Small) -> None:
    host, stream = small.mesh.hosts[2], next(iter(small.mesh.clocks))
    assert host._history(stream) == (small.newest(2), small.newest(2))
    assert host._history(b"nothing") is None  # type: ignore[arg-type]


def test_an_unknown_output_is_a_defect(small: Small) -> None:
    with pytest.raises(TypeError, match="nobody carries out"):
        small.mesh.hosts[0]._act(object(), 0.0)


def test_a_far_end_is_a_value() -> None:
    far = Far(1, b"n", 2, 3)  # type: ignore[arg-type]
    assert (far.tree, far.dense) == (False, False)
    assert Purpose.TREE.value == "tree"
