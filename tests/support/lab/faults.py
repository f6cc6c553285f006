"""Faults of one relay, each with its undoing, and what a viewer noticed of them.

A fault begins at a known moment and is over when `mend` has returned; the node is then
the same node again.  What is measured in between is `Outcome`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from support.lab.lab import Lab
from support.lab.processes import NodeProcess
from support.lab.source import AUDIO, VIDEO
from support.lab.viewer import Viewer


@dataclass(frozen=True)
class Fault:
    """`strike` returns the moment it began."""

    name: str
    strike: Callable[[Lab, NodeProcess], float]
    mend: Callable[[Lab, NodeProcess], Awaitable[None]]


def _ways(lab: Lab, node: NodeProcess) -> list[tuple[str, str]]:
    return [(node.name, name) for name in lab.names if name != node.name]


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


class Cuts:
    """Cuts a relay off and, mending, opens exactly the links that were there."""

    def __init__(self, links: list[tuple[str, str, float]]) -> None:
        self._links = links

    def strike(self, lab: Lab, node: NodeProcess) -> float:
        """Nothing goes in or out; its processes do not notice."""
        return lab.wiring.cut(_ways(lab, node))

    async def mend(self, lab: Lab, node: NodeProcess) -> None:
        """As before."""
        mine = [(a, b) for a, b, _ in self._links if node.name in (a, b)]
        lab.wiring.heal(mine)


def faults(links: list[tuple[str, str, float]]) -> dict[str, Fault]:
    """All of them, for a laboratory with these links."""
    cuts = Cuts(links)
    made = (
        Fault("kill", _kill, _restart),
        Fault("cut", cuts.strike, cuts.mend),
        Fault("freeze", lambda _, node: node.freeze(), _thaw),
        Fault("drain", lambda _, node: node.drain(), _drain_over),
    )
    return {fault.name: fault for fault in made}


@dataclass(frozen=True)
class Outcome:
    """Times in milliseconds: from the fault to the end of the longest silence after it,
    and the longest silences of all, of the picture and of the sound.
    """

    back_ms: float
    gap_ms: float
    video_gap_ms: float
    audio_gap_ms: float
    lost: int
    duplicates: int


def outcome(viewer: Viewer, struck: float, end: float) -> Outcome:
    """What a viewer noticed between the fault and `end`."""
    gap = viewer.gap(struck, end)
    tallies = [viewer.tally(struck, end, track) for track in (VIDEO, AUDIO)]
    return Outcome(
        (gap.ended - struck) * 1000,
        gap.ms,
        viewer.gap(struck, end, VIDEO).ms,
        viewer.gap(struck, end, AUDIO).ms,
        sum(tally.lost for tally in tallies),
        sum(tally.duplicates for tally in tallies),
    )
