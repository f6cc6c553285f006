"""Five percent loss on every path: the viewer's picture is repaired, not frozen.

A control without loss goes before it: freezes that it shows too are the machine's.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

from support.browser import Client, chromium, client
from support.lab.namespaces import require_root
from support.lab.switch import Switched
from support.node import KEY, running_node

RUN_S = 60.0
CONTROL_S = 20.0
LOSS_PER_MILLE = 50
LOST_FRAMES_MAX = 0.005


@pytest.mark.timeout(300)
async def test_five_percent_loss_both_ways_costs_no_freeze() -> None:
    require_root()
    with Switched(["node", "pub", "view"]) as lab:
        http = f"{lab.address('node')}:8080"
        with running_node(http=http, beside=lab.run("node")) as node:
            await _watch(lab, node.url, node.whip("lossy"), node.whep("lossy"))


async def _watch(lab: Switched, origin: str, whip: str, whep: str) -> None:
    program = "/usr/bin/chromium"
    async with (
        chromium(origin, lab.wrapper("pub", program)) as sending,
        chromium(origin, lab.wrapper("view", program)) as receiving,
    ):
        publisher = await client(sending, origin)
        await publisher.publish(whip, KEY)
        viewer = await client(receiving, origin)
        await viewer.play(whep)
        await viewer.first_frame_ms()
        calm = await _measure(publisher, viewer, CONTROL_S)
        print(f"without loss: {calm}")
        for host in ("node", "pub", "view"):
            lab.lose(host, LOSS_PER_MILLE)
        lossy = await _measure(publisher, viewer, RUN_S)
    print(f"with loss: {lossy}")
    assert lossy.sent > 25 * RUN_S
    assert lossy.nacks > 0, "there was no loss to repair"
    # a few frames are always under way when the two counters are read
    assert lossy.sent - lossy.decoded <= LOST_FRAMES_MAX * lossy.sent + 5
    assert lossy.freezes == 0


class Figures(NamedTuple):
    """What happened during a measurement; frames, counts, seconds."""

    sent: int
    decoded: int
    freezes: int
    frozen_s: float
    nacks: int


async def _measure(publisher: Client, viewer: Client, duration_s: float) -> Figures:
    before = (await viewer.received())["inbound-rtp-video"]
    sent_before = (await publisher.sent())["outbound-rtp-video"]
    await asyncio.sleep(duration_s)  # the duration of the measurement itself
    after = (await viewer.received())["inbound-rtp-video"]
    sent_after = (await publisher.sent())["outbound-rtp-video"]
    return Figures(
        sent_after["framesSent"] - sent_before["framesSent"],
        after["framesDecoded"] - before["framesDecoded"],
        after["freezeCount"] - before["freezeCount"],
        round(after["totalFreezesDuration"] - before["totalFreezesDuration"], 2),
        after.get("nackCount", 0) - before.get("nackCount", 0),
    )
