"""Five percent loss on every path: the viewer's picture is repaired, not frozen."""

from __future__ import annotations

import asyncio

import pytest

from support.browser import chromium, client
from support.netns import Lab, require_root
from support.node import KEY, running_node

RUN_S = 60.0
LOSS_PER_MILLE = 50
LOST_FRAMES_MAX = 0.005


@pytest.mark.timeout(180)
async def test_five_percent_loss_both_ways_costs_no_freeze() -> None:
    require_root()
    with Lab(["node", "pub", "view"]) as lab:
        http = f"{lab.address('node')}:8080"
        with running_node(http=http, beside=lab.run("node")) as node:
            await _watch(lab, node.url, node.whip("lossy"), node.whep("lossy"))


async def _watch(lab: Lab, origin: str, whip: str, whep: str) -> None:
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
        for host in ("node", "pub", "view"):
            lab.lose(host, LOSS_PER_MILLE)

        before = (await viewer.received())["inbound-rtp-video"]
        sent_before = (await publisher.sent())["outbound-rtp-video"]
        await asyncio.sleep(RUN_S)  # the duration of the measurement itself
        after = (await viewer.received())["inbound-rtp-video"]
        sent_after = (await publisher.sent())["outbound-rtp-video"]

    sent = sent_after["framesSent"] - sent_before["framesSent"]
    decoded = after["framesDecoded"] - before["framesDecoded"]
    freezes = after["freezeCount"] - before["freezeCount"]
    repaired = after.get("nackCount", 0)
    print(f"sent {sent} decoded {decoded} freezes {freezes} nacks {repaired}")
    assert sent > 25 * RUN_S
    assert repaired > 0, "there was no loss to repair"
    # a few frames are always under way when the two counters are read
    assert sent - decoded <= LOST_FRAMES_MAX * sent + 5
    assert freezes == 0
