"""`make chaos`: the only relay on a viewer's path fails while another one is there.

An origin and a viewer's node cannot reach each other; two relays can reach both and
have no viewers: one of them is in the tree only because it stands by for the other.
Light viewers measure to the packet; some faults are watched in Chromium as well.

    MESHNODE_LAB_KILL=50 MESHNODE_LAB_CUT=50 MESHNODE_LAB_FREEZE=20 \\
    MESHNODE_LAB_DRAIN=10 MESHNODE_LAB_BROWSER=25 MESHNODE_LAB_DUAL=25 make chaos
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator

import imageio_ffmpeg
import pytest

from support import ffmpeg
from support.lab.faults import FAULTS, Fault, Outcome, outcome
from support.lab.figures import Report, count, percentile
from support.lab.lab import Lab
from support.lab.mesh import Mesh, View
from support.lab.namespaces import require_root
from support.lab.processes import Fleet
from support.lab.source import Source
from support.lab.viewer import Viewer
from support.lab.watching import Watcher, watching

LINKS = [
    *(("origin", "one", 10.0), ("origin", "two", 12.0)),
    *(("one", "viewer", 10.0), ("two", "viewer", 12.0), ("one", "two", 8.0)),
]
RELAYS = ("one", "two")
STREAM, PICTURE = "lab", "picture"
USUAL = {"kill": 50, "cut": 50, "freeze": 20, "drain": 10}
WATCH_S = 2.5
"""How long after a fault everything is recorded."""

TELL_MS = float(os.environ.get("MESHNODE_LAB_TELL_MS", "0"))
"""Repairs that took longer are told from the nodes' logs; 0: none are."""

STEADY_S = 1.0
STEADY_DEADLINE_S = 120.0
"""A relay that came back may hang below the other one until a turn of maintenance."""
P50_MS, P95_MS, P99_MS, FROZEN_P99_MS = 110.0, 250.0, 350.0, 600.0
FREEZES_MAX, BUFFERED_FREEZES_MAX = 0.10, 0.02
DUAL_MS = 40.0
"""The longest silence of sound that comes over both parents: packets are 20 ms long."""


ROOM = ("--max-upload", "40M")
"""What an origin offers by itself does not always hold two copies of both streams; with
one, nobody can stand by.
"""


@contextlib.asynccontextmanager
async def scene(name: str, *flags: str) -> AsyncIterator[tuple[Lab, Mesh]]:
    """The four nodes, linked as far as they can be."""
    require_root()
    with Lab(["origin", *RELAYS, "viewer"]) as lab, Fleet(lab.folder, name) as fleet:
        lab.only(LINKS)
        mesh = Mesh(lab, fleet)
        mesh.host("origin", (), *flags)
        for relay in RELAYS:
            mesh.host(relay, ["origin"], *flags)
        mesh.host("viewer", RELAYS, *flags)
        fleet.start(["origin"])
        fleet.start([*RELAYS, "viewer"])
        mesh.wait_linked(LINKS[:4])
        yield lab, mesh


async def watch(mesh: Mesh) -> Viewer:
    """The viewer that is measured."""
    node = mesh.fleet["viewer"]
    return await Viewer.open(node.namespace, f"{node.url}/whep/{STREAM}")


def relay_of(view: View, stream: str) -> str | None:
    """The viewer's parent, once the other relay stands by for it."""
    parent, second = view.parent("viewer", stream), view.second("viewer", stream)
    return parent if {parent, second} == set(RELAYS) else None


async def steady(mesh: Mesh, viewer: Viewer, *streams: str) -> str:
    """Wait until everything is as it should be before a fault; the relay to strike."""

    def ready() -> View:
        return mesh.wait(
            lambda view: (
                all(relay_of(view, stream) for stream in streams)
                and len(view.meshes) == len(mesh.fleet.nodes)
            ),
            STEADY_DEADLINE_S,
            "a parent and one that stands by",
        )

    await asyncio.to_thread(ready)
    await viewer.sees(int(STEADY_S * 30))
    view = await asyncio.to_thread(ready)
    relay = relay_of(view, streams[0])
    assert relay is not None
    return relay


async def strike(
    lab: Lab, mesh: Mesh, viewer: Viewer, source: Source, fault: Fault
) -> Outcome:
    """One fault from beginning to end."""
    relay = mesh.fleet[await steady(mesh, viewer, STREAM)]
    source.late_ms()
    struck = fault.strike(lab, relay)
    await asyncio.sleep(WATCH_S)  # the time of the recording itself
    found = outcome(viewer, struck, time.time(), source.late_ms())
    if TELL_MS and found.back_ms > TELL_MS:
        print(mesh.tell(since=struck - 0.5), flush=True)
    await fault.mend(lab, relay)
    return found


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", list(USUAL))
async def test_a_relay_fails_and_the_stream_goes_on(kind: str) -> None:
    report = Report(f"chaos-{kind}")
    found = await struck(report, kind, count(kind, USUAL[kind]))
    promises(report, kind, found)
    report.verdict()


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["kill", "cut"])
async def test_sound_over_both_parents_has_no_gap(kind: str) -> None:
    report = Report(f"chaos-dual-{kind}")
    found = await struck(report, kind, count("dual", 25), "--dual", STREAM)
    worst = max(one.audio_gap_ms for one in found)
    report.spread("spreads", "sound's, ms", [one.audio_gap_ms for one in found])
    report.limit("longest silence of the sound", worst, DUAL_MS)
    report.limit("packets lost", sum(one.lost for one in found), 0, unit="packets")
    twice = sum(one.duplicates for one in found)
    report.limit("duplicates to the viewer", twice, 0, unit="packets")
    report.verdict()


async def struck(report: Report, kind: str, repeats: int, *flags: str) -> list[Outcome]:
    """So many faults of a kind, one after the other, of nodes with these flags."""
    found: list[Outcome] = []
    async with scene(report.name, *flags) as (lab, mesh):
        origin = mesh.fleet["origin"]
        source = await Source.open(origin.namespace, f"{origin.url}/whip/{STREAM}")
        viewer = await watch(mesh)
        for number in range(repeats):
            one = await strike(lab, mesh, viewer, source, FAULTS[kind])
            found.append(one)
            report.row(
                "faults",
                number=number,
                back_ms=one.back_ms,
                video_gap_ms=one.video_gap_ms,
                audio_gap_ms=one.audio_gap_ms,
                lost=one.lost,
                duplicates=one.duplicates,
                source_late_ms=one.source_late_ms,
                load=os.getloadavg()[0],
            )
        report.row("wire", **lab.wiring.counters()["wire"])
        await viewer.close()
        await source.close()
    return found


def promises(report: Report, kind: str, found: list[Outcome]) -> None:
    """What the issue wants of each kind of fault."""
    back = [one.back_ms for one in found]
    report.spread("spreads", "fault to next packet, ms", back)
    report.spread("spreads", "longest silence, ms", [one.gap_ms for one in found])
    report.spread("spreads", "picture's, ms", [one.video_gap_ms for one in found])
    report.spread("spreads", "sound's, ms", [one.audio_gap_ms for one in found])
    lost = sum(one.lost for one in found)
    report.limit("packets lost after replay", lost, 0, unit="packets")
    twice = sum(one.duplicates for one in found)
    report.limit("duplicates to the viewer", twice, 0, unit="packets")
    if kind in ("kill", "cut"):
        for percent, most in ((50, P50_MS), (95, P95_MS), (99, P99_MS)):
            report.limit(f"p{percent} back", percentile(back, percent), most)
    if kind == "freeze":
        report.limit("p99 back", percentile(back, 99), FROZEN_P99_MS)


def publish_picture(lab: Lab, url: str) -> subprocess.Popen[bytes]:
    """FFmpeg on the origin's own host."""
    program = lab.wrapper("origin", imageio_ffmpeg.get_ffmpeg_exe())
    return ffmpeg.publish(url, str(program))


async def watched(
    lab: Lab,
    mesh: Mesh,
    viewer: Viewer,
    source: Source,
    watcher: Watcher,
    fault: Fault,
) -> tuple[Outcome, tuple[int, int]]:
    """One fault, and the freezes that both players counted in it."""
    await steady(mesh, viewer, STREAM, PICTURE)
    before = await watcher.freezes()
    struck_frames = await watcher.frames()
    one = await strike(lab, mesh, viewer, source, fault)
    await asyncio.sleep(1)  # the picture runs behind the packets
    after = await watcher.freezes()
    assert await watcher.frames() > struck_frames
    return one, (after[0] - before[0], after[1] - before[1])


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["kill", "cut", "drain"])
async def test_a_relay_fails_and_the_picture_does_not_freeze(kind: str) -> None:
    report = Report(f"chaos-browser-{kind}")
    repeats = count("browser", 25)
    async with scene(f"chaos-browser-{kind}", *ROOM) as (lab, mesh):
        origin, last = mesh.fleet["origin"], mesh.fleet["viewer"]
        source = await Source.open(origin.namespace, f"{origin.url}/whip/{STREAM}")
        publisher = publish_picture(lab, f"{origin.url}/whip/{PICTURE}")
        try:
            viewer = await watch(mesh)
            async with watching(lab, last, PICTURE) as watcher:
                fault = FAULTS[kind]
                frozen = [0, 0]
                for number in range(repeats):
                    one, freezes = await watched(
                        lab, mesh, viewer, source, watcher, fault
                    )
                    frozen = [frozen[0] + freezes[0], frozen[1] + freezes[1]]
                    report.row(
                        "faults",
                        number=number,
                        back_ms=one.back_ms,
                        freezes=freezes[0],
                        freezes_at_200_ms=freezes[1],
                    )
            await viewer.close()
        finally:
            publisher.terminate()
            publisher.wait(10)
        await source.close()
    usual, buffered = (0, 0) if kind == "drain" else (FREEZES_MAX, BUFFERED_FREEZES_MAX)
    report.limit("freezes, browser's buffer", frozen[0], usual * repeats, "freezes")
    report.limit("freezes, 200 ms", frozen[1], buffered * repeats, "freezes")
    report.verdict()
