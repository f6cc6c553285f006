"""A viewer behind a thin link gets the layer that fits, and the best one after it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from support.browser import Client, chromium, client
from support.lab.namespaces import require_root
from support.lab.switch import Switched
from support.node import KEY, RunningNode, eventually, running_node

THIN_BPS = 1_000_000
SETTLE_S = 5.0
CLIMB_S = 15.0
QUEUE_MAX_S = 0.2
FREEZE_MAX_S = 1.0
HOLD_S = 10.0

LAYERS = [
    {"rid": "h", "maxBitrate": 1_800_000},
    {"rid": "m", "maxBitrate": 500_000, "scaleResolutionDownBy": 2},
    {"rid": "l", "maxBitrate": 150_000, "scaleResolutionDownBy": 4},
]
FULL_HEIGHT = 720


@pytest.mark.timeout(300)
async def test_a_thin_link_gets_a_fitting_layer_and_climbs_back() -> None:
    require_root()
    with Switched(["node", "pub", "view"]) as lab:
        http = f"{lab.address('node')}:8080"
        with running_node(http=http, beside=lab.run("node")) as node:
            await _run(lab, node)


async def _run(lab: Switched, node: RunningNode) -> None:
    program = "/usr/bin/chromium"
    async with (
        chromium(node.url, lab.wrapper("pub", program)) as sending,
        chromium(node.url, lab.wrapper("view", program)) as receiving,
    ):
        publisher = await client(sending, node.url)
        await publisher.publish(
            node.whip("thin"), KEY, encodings=LAYERS, width=1280, height=FULL_HEIGHT
        )
        await eventually(lambda: _all_layers(publisher), 40, "all three layers sent")
        viewer = await client(receiving, node.url)
        await viewer.play(node.whep("thin"))
        await eventually(lambda: _height(viewer, FULL_HEIGHT), 20, "full size at first")

        lab.limit("view", THIN_BPS)
        await asyncio.sleep(SETTLE_S)  # the time the node has to settle
        queues, before, after = await _hold(lab, viewer)
        assert max(queues) * 8 / THIN_BPS < QUEUE_MAX_S
        frozen = after["totalFreezesDuration"] - before["totalFreezesDuration"]
        assert frozen <= FREEZE_MAX_S
        assert after["frameHeight"] == FULL_HEIGHT // 2

        lab.release("view")
        released = time.monotonic()
        await eventually(lambda: _height(viewer, FULL_HEIGHT), CLIMB_S, "climbs back")
        print(f"climbed back in {time.monotonic() - released:.1f} s")


async def _hold(
    lab: Switched, viewer: Client
) -> tuple[list[int], dict[str, Any], dict[str, Any]]:
    before = (await viewer.received())["inbound-rtp-video"]
    queues = []
    for _ in range(int(HOLD_S * 10)):
        queues.append(lab.queue_bytes("view"))
        await asyncio.sleep(0.1)
    after = (await viewer.received())["inbound-rtp-video"]
    frozen_s = after["totalFreezesDuration"] - before["totalFreezesDuration"]
    lasted_s = (after["timestamp"] - before["timestamp"]) / 1000
    frames = after["framesDecoded"] - before["framesDecoded"]
    print(
        f"{after['frameHeight']} lines, {frames} frames in {lasted_s:.1f} s,"
        f" frozen {frozen_s:.2f} s,"
        f" queue max {max(queues) * 8 / THIN_BPS * 1000:.0f} ms"
    )
    return queues, before, after


async def _all_layers(publisher: Client) -> bool:
    report = await publisher.sent()
    sent = [report.get(f"outbound-rtp-video-{layer['rid']}", {}) for layer in LAYERS]
    return all(layer.get("framesSent", 0) > 60 for layer in sent)


async def _height(viewer: Client, height: int) -> bool:
    video = (await viewer.received()).get("inbound-rtp-video", {})
    return bool(video.get("frameHeight") == height)
