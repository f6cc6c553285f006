"""Many viewers that beg for key frames cost their publisher two a second at most."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Iterator

import aiohttp
import pytest

from bench.doors import Door, offer
from bench.load import PAYLOAD_TYPES, SEND_SSRC
from bench.node_run import bench_node
from meshproto.wire import rtcp, rtp
from meshproto.wire.sdp.parse import parse
from support.light_client import LightClient, Remote

VIEWERS = 50
REQUESTS_HZ = 10.0
FRAMES_HZ = 30
RUN_S = 15.0
PLI_MAX_HZ = 2.0


class Publisher:
    """A VP8 stream whose key frames come when they are asked for, if `obliging`."""

    def __init__(self, client: LightClient, obliging: bool) -> None:
        self.requests = 0
        self._client = client
        self._obliging = obliging
        self._wanted = True
        client.on_rtcp = self._heard

    def _heard(self, compound: bytes) -> None:
        for packet in rtcp.parse(compound):
            if isinstance(packet, rtcp.PictureLossIndication | rtcp.FullIntraRequest):
                self.requests += 1
                self._wanted |= self._obliging

    async def run(self) -> None:
        """Send until cancelled, each frame at its deadline."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for frame in itertools.count():
            await asyncio.sleep(start + frame / FRAMES_HZ - loop.time())
            for packet in self._frame(frame):
                self._client.send_rtp(packet)

    def _frame(self, frame: int) -> Iterator[bytes]:
        delta, self._wanted = not self._wanted, False
        for part in range(2):
            # RFC 7741: S bit; the lowest bit of the frame's first octet marks a delta
            payload = bytes([0x10 * (part == 0), delta]) + bytes(1000)
            yield rtp.build(
                payload_type=PAYLOAD_TYPES["video"],
                sequence=(2 * frame + part) & 0xFFFF,
                timestamp=frame * 90_000 // FRAMES_HZ,
                ssrc=SEND_SSRC["video"],
                marker=part == 1,
                payload=payload,
            )


class Beggar:
    """A viewer that asks for a key frame ten times a second, whatever it gets."""

    def __init__(self, client: LightClient, ssrc: int) -> None:
        self.asked = 0
        self.client = client
        self._ssrc = ssrc

    async def run(self) -> None:
        """Ask until cancelled."""
        request = rtcp.PictureLossIndication(1, self._ssrc).encode()
        while True:
            self.client.send_rtcp(request)
            self.asked += 1
            await asyncio.sleep(1 / REQUESTS_HZ)


async def _beggar(http: aiohttp.ClientSession, url: str) -> Beggar:
    ufrag = secrets.token_hex(4)
    body, headers = offer(ufrag, "recvonly"), {"Content-Type": "application/sdp"}
    async with http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 201
        video = parse(await answer.text()).media[0]
    remote = Remote(video.ice_ufrag, video.ice_pwd, video.fingerprints[0].value)
    candidate = video.candidates[0]
    address = candidate.address, candidate.port
    client = LightClient(address, remote, ufrag=ufrag, decrypt_every=0)
    await client.connect()
    return Beggar(client, video.ssrcs[0].ssrc)


async def _measure(publish: Door, url: str, obliging: bool) -> tuple[int, int, int]:
    """Requests at the publisher, requests sent, packets at the viewers in `RUN_S`."""
    session = await publish.publish()
    publisher = Publisher(session.client, obliging)
    async with aiohttp.ClientSession() as http:
        tasks = [asyncio.create_task(publisher.run())]
        beggars = [await _beggar(http, url) for _ in range(VIEWERS)]
        tasks += [asyncio.create_task(beggar.run()) for beggar in beggars]
        before = publisher.requests, sum(beggar.asked for beggar in beggars)
        await asyncio.sleep(RUN_S)  # the duration of the measurement itself
        requests = publisher.requests - before[0]
        asked = sum(beggar.asked for beggar in beggars) - before[1]
        packets = min(beggar.client.packets for beggar in beggars)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for beggar in beggars:
            beggar.client.close()
        await publish.leave(session)
    return requests, asked, packets


@pytest.mark.timeout(300)
@pytest.mark.parametrize("obliging", [True, False], ids=["answers", "ignores"])
async def test_fifty_begging_viewers_cost_two_requests_a_second(obliging: bool) -> None:
    async with bench_node() as bench:
        url = bench.node.whep("bench")
        requests, asked, packets = await _measure(bench.publish, url, obliging)
    rate_hz = requests / RUN_S
    print(f"{asked} requests by viewers, {requests} at the publisher: {rate_hz:.2f}/s")
    assert asked > 0.7 * VIEWERS * REQUESTS_HZ * RUN_S
    assert packets > FRAMES_HZ * RUN_S, "every viewer is sent the stream"
    assert 0 < requests <= PLI_MAX_HZ * RUN_S + 1  # both ends of the interval count
