"""`make natlab`: two volunteers behind translators of every pairing, one public node.

A pair is linked directly where theory allows it: not when one side is symmetric and the
other one symmetric or port-restricted (RFC 5128 section 3.3).  Elsewhere the stream of
one reaches a viewer of the other through the public node.  Then one translator reboots
with another outside address, and the viewer's silence is measured.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from itertools import combinations_with_replacement

import pytest

from support.lab.figures import Report
from support.lab.lab import Lab
from support.lab.mesh import Mesh, View
from support.lab.namespaces import require_root
from support.lab.nat import KINDS, NatBox
from support.lab.processes import Fleet
from support.lab.source import Source
from support.lab.viewer import Viewer

PAIRINGS = list(combinations_with_replacement(KINDS, 2))
STREAM = "lab"
LINKED_S = 30.0
REBOOT_GAP_MS = 1500.0
WATCH_S = 6.0
DELAY_MS = 15.0


def theory(one: str, other: str) -> bool:
    """Whether two such translators can be punched through."""
    tight = {"symmetric", "port-restricted"}
    return not ("symmetric" in (one, other) and {one, other} <= tight)


@pytest.fixture(scope="module")
def table() -> Iterator[Report]:
    """All pairings, shown together at the end."""
    made = Report("natlab")
    yield made
    made.show()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("one", "other"), PAIRINGS)
async def test_two_behind_translators_meet(one: str, other: str, table: Report) -> None:
    require_root()
    report = Report(f"natlab-{one}-{other}")
    with (
        Lab(["public", "nat1", "nat2"]) as lab,
        Fleet(lab.folder, report.name) as fleet,
    ):
        for pair in (("public", "nat1"), ("public", "nat2"), ("nat1", "nat2")):
            lab.wiring.link(*pair, delay_ms=DELAY_MS)
        boxes = [NatBox(lab, "nat1", one), NatBox(lab, "nat2", other)]
        mesh = Mesh(lab, fleet)
        mesh.host("public")
        entry = (f"{lab.address('public')}:5000",)
        for name, box in zip(("volunteer1", "volunteer2"), boxes, strict=True):
            fleet.add(name, box.client, box.client_address, bootstrap=entry)
        fleet.start()
        await asyncio.to_thread(mesh.wait_whole, LINKED_S)
        await meet(lab, mesh, boxes, report, table)
    report.verdict()


async def meet(
    lab: Lab, mesh: Mesh, boxes: list[NatBox], report: Report, table: Report
) -> None:
    """The first publishes, the second watches, the second's translator reboots."""
    home, last = mesh.fleet["volunteer1"], mesh.fleet["volunteer2"]
    one, other = (box.kind for box in boxes)
    possible = theory(one, other)
    source = await Source.open(home.namespace, f"{home.url}/whip/{STREAM}")
    viewer = await Viewer.open(last.namespace, f"{last.url}/whep/{STREAM}")
    await viewer.sees(60)
    view = await settled(mesh, possible)
    linked = is_direct(view)
    lab.wiring.reset()
    await viewer.sees(60)
    direct = media(lab, "nat1", "nat2")
    struck = time.time()
    await asyncio.to_thread(boxes[1].reboot)
    await asyncio.sleep(WATCH_S)  # the time of the recording itself
    gap = viewer.gap(struck, time.time())
    after = await settled(mesh, possible)
    table.row(
        "pairings",
        one=one,
        other=other,
        possible=possible,
        linked=linked,
        media="direct" if direct else "relayed",
        path=" ".join(view.path("volunteer2", STREAM)),
        reboot_gap_ms=gap.ms,
        linked_again=is_direct(after),
        whole_again=after.is_whole,
        load=os.getloadavg()[0],
    )
    report.limit("no direct link though possible", possible > linked, 0, "")
    report.limit("none again", possible > is_direct(after), 0, "")
    report.limit("gap of a reboot", gap.ms, REBOOT_GAP_MS)
    await viewer.close()
    await source.close()


def is_direct(view: View) -> bool:
    """Whether the two volunteers have a link whose checks both see answered."""
    pair = ("volunteer1", "volunteer2")
    ends = [view.peers(one).get(other) for one, other in (pair, pair[::-1])]
    return all(end is not None and not end["suspect"] for end in ends)


async def settled(mesh: Mesh, expect_link: bool) -> View:
    """Give a direct link the time it may take; the view then."""
    try:
        return await asyncio.to_thread(
            mesh.wait,
            lambda view: (
                view.is_whole
                and view.has_paths([("volunteer2", STREAM)])
                and (not expect_link or is_direct(view))
            ),
            LINKED_S,
            "a direct link",
        )
    except AssertionError:
        return mesh.view()


def media(lab: Lab, source: str, target: str) -> int:
    """RTP packets that went straight from one translator to the other."""
    return sum(
        pair["packets"].get("rtp", 0)
        for pair in lab.wiring.counters()["pairs"]
        if (pair["source"], pair["target"]) == (source, target)
    )
