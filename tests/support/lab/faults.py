"""Faults of one relay, each with its undoing, and what a viewer noticed of them.

A fault begins at a known moment and is over when `mend` has returned; the node is then
the same node again.  What is measured in between is `Outcome`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from support.lab.lab import Lab
from support.lab.namespaces import sh
from support.lab.processes import NodeProcess
from support.lab.source import AUDIO, VIDEO
from support.lab.viewer import Viewer
from support.lab.wire import DEVICE

IN_FLIGHT_S = 0.15
"""Until then packets from before a fault may still arrive."""


@dataclass(frozen=True)
class Fault:
    """`strike` returns the moment it began, `mend` when the node is itself again."""

    name: str
    strike: Callable[[Lab, NodeProcess], float]
    mend: Callable[[Lab, NodeProcess], Awaitable[None]]


def _kill(lab: Lab, node: NodeProcess) -> float:
    # its kernel would tell: peers are to see what a machine without power shows
    lab.wiring.hush(node.name)
    return node.kill()


async def _restart(lab: Lab, node: NodeProcess) -> None:
    lab.wiring.hush()
    node.start()
    # beside the loop, which feeds the stream
    await asyncio.to_thread(node.wait_ready)


async def _drain_over(lab: Lab, node: NodeProcess) -> None:
    await asyncio.to_thread(node.stop)
    await _restart(lab, node)


async def _thaw(_: Lab, node: NodeProcess) -> None:
    node.thaw()


_DROP = """table netdev cut {{
    chain in {{ type filter hook ingress device "{device}" priority 0 ; drop ; }}
    chain out {{ type filter hook egress device "{device}" priority 0 ; drop ; }}
}}
"""


def _cut(lab: Lab, node: NodeProcess) -> float:
    """nftables drops whatever comes and goes; neither side is told."""
    path = lab.folder / "cut.nft"
    path.write_text(_DROP.format(device=DEVICE))
    # the moment before: what the command takes is charged to the mesh
    at = time.time()
    sh(f"ip netns exec {node.namespace} nft -f {path}")
    return at


async def _open(_: Lab, node: NodeProcess) -> None:
    sh(f"ip netns exec {node.namespace} nft delete table netdev cut")


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("kill", _kill, _restart),
        Fault("cut", _cut, _open),
        Fault("freeze", lambda _, node: node.freeze(), _thaw),
        Fault("drain", lambda _, node: node.drain(), _drain_over),
    )
}


@dataclass(frozen=True)
class Outcome:
    """Times in milliseconds: from the fault to the end of the silence that it caused
    (the longest of those that began while what was under way still arrived), and the
    longest silences of the whole recording, of the picture and of the sound.
    """

    back_ms: float
    gap_ms: float
    video_gap_ms: float
    audio_gap_ms: float
    lost: int
    duplicates: int
    source_late_ms: float
    """How late the publisher was at worst: the laboratory's own share in a silence."""


def outcome(
    viewer: Viewer, struck: float, end: float, source_late_ms: float
) -> Outcome:
    """What a viewer noticed between the fault and `end`."""
    gap = viewer.gap(struck, end, began_by=struck + IN_FLIGHT_S)
    tallies = [viewer.tally(struck, end, track) for track in (VIDEO, AUDIO)]
    return Outcome(
        (gap.ended - struck) * 1000,
        viewer.gap(struck, end).ms,
        viewer.gap(struck, end, VIDEO).ms,
        viewer.gap(struck, end, AUDIO).ms,
        sum(tally.lost for tally in tallies),
        sum(tally.duplicates for tally in tallies),
        source_late_ms,
    )
