"""The laboratory measures what it says: wire, processes, publisher and viewers.

Against one node without a mesh and plain sockets, so that a strange figure of the live
mesh is not the laboratory's.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest

from support.lab import namespaces
from support.lab.datagrams import exchange, sockets
from support.lab.faults import FAULTS
from support.lab.lab import Lab, shortest_ms
from support.lab.namespaces import inside, require_root
from support.lab.processes import Fleet, NodeProcess
from support.lab.source import AUDIO, VIDEO, Rate, Source
from support.lab.viewer import Viewer

DELAY_MS = 20.0
PACKETS = 400


@pytest.fixture(autouse=True)
def _root() -> None:
    require_root()


def test_the_wire_delays_both_ways() -> None:
    with Lab(["a", "b"]) as lab:
        lab.wiring.link("a", "b", delay_ms=DELAY_MS)
        one, other = sockets(lab, "a", "b")
        with one, other:
            began = time.monotonic()
            one.sendto(b"ping", other.getsockname())
            _, source = other.recvfrom(100)
            other.sendto(b"pong", source)
            one.recvfrom(100)
            assert time.monotonic() - began >= 2 * DELAY_MS / 1000


def test_the_wire_loses_about_what_it_was_told_and_counts_it() -> None:
    with Lab(["a", "b"]) as lab:
        lab.wiring.link("a", "b", delay_ms=1, loss=0.2)
        one, other = sockets(lab, "a", "b")
        with one, other:
            arrived = exchange(one, other, PACKETS)
        (way,) = lab.wiring.counters()["pairs"]
        assert way["lost"] == PACKETS - arrived
        assert 0.1 < way["lost"] / PACKETS < 0.3


def test_a_cut_is_silent_and_heals() -> None:
    with Lab(["a", "b"]) as lab:
        one, other = sockets(lab, "a", "b")
        with one, other:
            lab.wiring.cut([("a", "b")])
            assert exchange(one, other, 10) == 0
            lab.wiring.heal([("a", "b")])
            assert exchange(one, other, 10) == 10


def test_a_rate_holds_packets_back_and_a_full_queue_drops_them() -> None:
    with Lab(["a", "b"]) as lab:
        lab.wiring.link("a", "b", delay_ms=0, rate_bps=100_000, queue_bytes=2_000)
        one, other = sockets(lab, "a", "b")
        with one, other:
            arrived = exchange(one, other, 100)
        assert 15 <= arrived < 60
        assert lab.wiring.counters()["pairs"][0]["queued_out"] == 100 - arrived


def test_a_hushed_host_refuses_nobody() -> None:
    with Lab(["a", "b"]) as lab:
        one, other = sockets(lab, "a", "b")
        with one, other:
            one.connect((lab.address("b"), 9))
            one.send(b"anybody?")
            with pytest.raises(ConnectionRefusedError):
                one.recv(10)
            lab.wiring.hush("b")
            one.send(b"anybody?")
            one.settimeout(0.3)
            with pytest.raises(TimeoutError):
                one.recv(10)


def test_only_the_named_links_are_open() -> None:
    links = [("a", "b", 5.0), ("b", "c", 7.0)]
    with Lab(["a", "b", "c"]) as lab:
        lab.only(links)
        one, middle, far = sockets(lab, "a", "b", "c")
        with one, middle, far:
            assert exchange(one, far, 5) == 0
            assert exchange(one, middle, 5) == 5
            assert exchange(far, middle, 5) == 5
    assert shortest_ms(links, "a") == {"a": 0, "b": 5.0, "c": 12.0}


def test_what_a_crashed_laboratory_left_is_swept_away() -> None:
    script = (
        "import os, sys; sys.path[:0] = sys.argv[1:]\n"
        "from support.lab.lab import Lab\n"
        "lab = Lab(['a', 'b']); lab.__enter__()\n"
        "print(lab.prefix, flush=True); os._exit(1)\n"
    )
    crashed = subprocess.run(
        [sys.executable, "-c", script, *(path for path in sys.path if path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    prefix = crashed.stdout.strip()
    assert prefix, crashed.stderr
    assert (namespaces.FOLDER / f"{prefix}a").exists()
    with Lab(["x"]):
        assert not (namespaces.FOLDER / f"{prefix}a").exists()
    assert not namespaces.ours()


def test_a_thread_comes_back_from_a_namespace() -> None:
    with Lab(["a"]) as lab:
        here = os.readlink("/proc/thread-self/ns/net")
        with inside(lab.namespace("a")):
            assert os.readlink("/proc/thread-self/ns/net") != here
        assert os.readlink("/proc/thread-self/ns/net") == here


async def test_a_cut_by_nftables_is_silent_on_both_sides_and_is_undone() -> None:
    with Lab(["a", "b"]) as lab:
        node = NodeProcess("a", lab.namespace("a"), lab.address("a"), lab.folder)
        one, other = sockets(lab, "a", "b")
        with one, other:
            FAULTS["cut"].strike(lab, node)
            assert exchange(one, other, 10) == 0
            one.settimeout(1)
            assert exchange(other, one, 10) == 0
            await FAULTS["cut"].mend(lab, node)
            assert exchange(one, other, 10) == 10


@pytest.mark.timeout(300)
async def test_viewers_tell_gaps_losses_and_duplicates_of_a_real_node() -> None:
    with Lab(["host", "far"]) as lab, Fleet(lab.folder, "harness") as fleet:
        lab.wiring.link("host", "far", delay_ms=DELAY_MS)
        node = fleet.add("host", lab.namespace("host"), lab.address("host"))
        fleet.start()
        rate = Rate(packets=3, octets=600)
        source = await Source.open(node.namespace, f"{node.url}/whip/lab", rate)
        viewer = await Viewer.open(lab.namespace("far"), f"{node.url}/whep/lab")
        await viewer.sees(60)
        began = time.time()
        await viewer.sees(120)
        calm = viewer.gap(began, time.time())
        tally = viewer.tally(began, time.time())
        assert (tally.lost, tally.duplicates) == (0, 0)
        assert tally.packets >= 120
        assert viewer.age_ms(began, time.time()) >= DELAY_MS
        assert viewer.track(AUDIO).times

        cut = lab.wiring.cut([("host", "far")])
        await asyncio.sleep(0.5)  # the length of the fault
        lab.wiring.heal([("host", "far")])
        await viewer.sees(30)
        gap = viewer.gap(cut, time.time())
        assert gap.ms > max(calm.ms, 400)
        assert viewer.tally(cut, time.time(), VIDEO).lost > 30

        frozen = node.freeze()
        await asyncio.sleep(0.3)  # the length of the fault
        node.thaw()
        await viewer.sees(30)
        assert viewer.gap(frozen, time.time()).ms > 250
        await viewer.close()
        await source.close()
        assert node.cpu_s() > 0
        assert fleet["host"].stop() == 0
    assert not namespaces.ours()
