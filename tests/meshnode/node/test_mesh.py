"""A node as a library: life, local media, events, routes, drain."""

from __future__ import annotations

import asyncio
import gc
import struct
import time

import aiohttp
import pytest
from aiohttp import web

from meshnode import Limits, LocalTrack, MeshNode, Settings
from meshnode.node.mesh import DRAIN_VIEWERS_S
from meshnode.signalling.happenings import (
    PublisherJoined,
    PublisherLeft,
    StreamLive,
    ViewerJoined,
    ViewerLeft,
)
from meshproto.errors import MeshError, StateError
from meshproto.wire.parameters import Codec, MediaKind
from support.offers import SDP, play_offer, publish_offer
from support.rtc import Publisher, Viewer, until
from support.sse import listening

OPUS = LocalTrack(MediaKind.AUDIO, Codec(111, "opus", 48000, 2))
VP8 = LocalTrack(MediaKind.VIDEO, Codec(96, "vp8", 90000, feedback=("nack pli",)))


def settings(**more) -> Settings:
    return Settings(
        **{"port": 0, "http": "127.0.0.1:0", "admin": "127.0.0.1:0", **more}
    )


def rtp(sequence: int, payload: bytes, payload_type: int = 111, ssrc: int = 7) -> bytes:
    head = struct.pack("!BBHII", 0x80, payload_type, sequence, sequence * 960, ssrc)
    return head + payload


class Browser:
    """An HTTP client of one node."""

    def __init__(self, node: MeshNode, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.base = node.urls["local"].rstrip("/")

    async def post(self, door: str, sdp: str, name: str = "demo"):
        url = f"{self.base}/{door}/{name}"
        async with self.http.post(url, data=sdp, headers=SDP) as answer:
            await answer.read()
            return answer


@pytest.fixture
async def node():
    async with MeshNode(settings()) as running:
        yield running


@pytest.fixture
async def browser(node):
    async with aiohttp.ClientSession() as http:
        yield Browser(node, http)


# -- life ------------------------------------------------------------------------------


async def test_a_node_tells_where_it_is(node) -> None:
    assert node.urls["page"].startswith("http://127.0.0.1:")
    assert node.urls["whip"] == f"{node.urls['page']}whip/"
    assert ("127.0.0.1", node.addresses[0][1]) in node.addresses
    assert node.status().state == "ready"


async def test_a_node_that_does_not_run_says_so() -> None:
    idle = MeshNode(settings())
    with pytest.raises(StateError, match="async with"):
        idle.status()
    with pytest.raises(StateError, match="async with"):
        idle.urls  # noqa: B018
    with pytest.raises(StateError, match="async with"):
        idle.add_routes(web.Application())


async def test_several_nodes_live_in_one_process() -> None:
    async with MeshNode(settings()) as one, MeshNode(settings()) as two:
        assert one.urls["page"] != two.urls["page"]
        one.publish("demo", [OPUS])
        assert [stream.name for stream in one.streams()] == ["demo"]
        assert two.streams() == ()


async def test_an_embedders_own_error_comes_out_as_itself() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with MeshNode(Settings(port=0), listen=False):
            raise KeyError("mine")


async def test_nothing_is_left_of_a_node_that_ended() -> None:
    async with MeshNode(settings()) as node:
        node.publish("demo", [OPUS])
    gc.collect()
    before = asyncio.all_tasks()
    for _ in range(3):
        async with MeshNode(settings()) as node, aiohttp.ClientSession() as http:
            await Browser(node, http).post("whip", publish_offer())
    await until(lambda: asyncio.all_tasks() == before, "all tasks have ended")


@pytest.mark.parametrize("flag", ["http", "admin"])
async def test_a_taken_port_is_one_sentence_with_the_flag(node, flag) -> None:
    taken = node.urls["local" if flag == "http" else "admin"].split("/")[2]
    with pytest.raises(MeshError) as caught:
        async with MeshNode(settings(**{flag: taken})):
            pass
    assert f"--{flag} {taken}" in str(caught.value)
    assert f"--{flag} 127.0.0.1:0" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_taken_media_port_is_one_sentence_with_the_flag(node) -> None:
    with pytest.raises(MeshError, match="--port 0"):
        async with MeshNode(settings(port=node.addresses[0][1])):
            pass


async def test_a_failed_start_frees_what_was_bound(node) -> None:
    taken = node.urls["admin"].split("/")[2]
    with pytest.raises(MeshError):
        async with MeshNode(settings(port=0, http="127.0.0.1:0", admin=taken)):
            pass
    async with MeshNode(settings()) as other:
        assert other.status().state == "ready"


async def test_a_missing_certificate_is_named(tmp_path) -> None:
    bad = tmp_path / "cert.pem"
    bad.write_text("nothing")
    with pytest.raises(MeshError, match="--tls-cert"):
        async with MeshNode(settings(tls_cert=bad, tls_key=bad)):
            pass


async def test_loopback_is_advertised_only_while_http_is_on_loopback() -> None:
    async with MeshNode(settings(http="0.0.0.0:0")) as node:
        hosts = {host for host, _ in node.addresses}
        assert not hosts & {"127.0.0.1", "::1"} or hosts <= {"127.0.0.1", "::1"}
    async with MeshNode(settings(advertise="203.0.113.9")) as node:
        assert [host for host, _ in node.addresses] == ["203.0.113.9"]
    async with MeshNode(settings(public_ip="203.0.113.9")) as node:
        assert node.addresses[0][0] == "203.0.113.9"


# -- media in process ------------------------------------------------------------------


async def test_packets_go_from_a_local_publisher_to_a_local_subscriber(node) -> None:
    with node.publish("demo", [OPUS]) as publisher, node.subscribe("demo") as packets:
        assert [track.codec for track in packets.tracks] == ["opus"]
        for sequence in range(5):
            publisher.send_rtp(0, rtp(sequence, b"payload %d" % sequence))
        for sequence in range(5):
            packet = await asyncio.wait_for(anext(packets), 20)
            assert packet.kind is MediaKind.AUDIO
            assert packet.data.endswith(b"payload %d" % sequence)
        (stream,) = node.streams()
        assert stream.viewers == 1
        assert stream.publisher.door == "local"


async def test_a_subscription_ends_with_its_stream(node) -> None:
    publisher = node.publish("demo", [OPUS])
    packets = node.subscribe("demo")
    node.end_stream("demo")
    assert [packet async for packet in packets] == []
    with pytest.raises(StateError):
        publisher.send_rtp(0, rtp(1, b"x"))


async def test_what_a_client_publishes_can_be_subscribed_to(node, browser) -> None:
    async with Publisher(f"{browser.base}/whip/demo"):
        with node.subscribe("demo") as packets:
            kinds = set()
            async with asyncio.timeout(30):
                async for packet in packets:
                    kinds.add(packet.kind)
                    if len(kinds) == 2:
                        break


async def test_a_local_publisher_hears_that_a_key_frame_is_wanted(node) -> None:
    with node.publish("demo", [VP8]) as publisher:
        heard: list[bytes] = []
        publisher.on_feedback(heard.append)
        publisher.send_rtp(0, rtp(1, b"\x10\x01\x00\x00", 96))
        with node.subscribe("demo"):
            await until(lambda: any(p[1] == 206 for p in heard), "a PLI")


async def test_local_publishers_obey_the_rules_of_all(node) -> None:
    node.publish("demo", [OPUS])
    with pytest.raises(MeshError, match="being published"):
        node.publish("demo", [OPUS], owner="somebody else")
    with pytest.raises(MeshError, match="nobody publishes"):
        node.subscribe("other")
    with pytest.raises(MeshError, match="stream name"):
        node.publish("not a name", [OPUS])
    with pytest.raises(StateError, match="at least one"):
        node.publish("none", [])
    with pytest.raises(StateError, match="payload type"):
        node.publish("twice", [OPUS, OPUS])


async def test_the_same_owner_takes_over_inside_too(node) -> None:
    first = node.publish("demo", [OPUS])
    packets = node.subscribe("demo")
    second = node.publish("demo", [OPUS])
    assert first.closed
    second.send_rtp(0, rtp(1, b"second"))
    packet = await asyncio.wait_for(anext(packets), 20)
    assert packet.data.endswith(b"second")


async def test_limits_are_named() -> None:
    async with MeshNode(settings(limits=Limits(streams=1))) as node:
        node.publish("one", [OPUS])
        with pytest.raises(MeshError, match="streams=1"):
            node.publish("two", [OPUS])


# -- events ----------------------------------------------------------------------------


async def test_events_tell_what_happens(node) -> None:
    events = node.events()
    with node.publish("demo", [OPUS]):
        node.subscribe("demo").close()
    seen = [await asyncio.wait_for(anext(events), 20) for _ in range(5)]
    kinds = [PublisherJoined, StreamLive, ViewerJoined, ViewerLeft, PublisherLeft]
    assert [type(event) for event in seen] == kinds
    assert seen[2].viewers == 1


async def test_events_end_with_the_node() -> None:
    async with MeshNode(settings()) as node:
        events = node.events()
    assert [event async for event in events] == []


# -- routes in another program ---------------------------------------------------------


async def test_another_program_serves_the_doors_below_a_prefix(aiohttp_app) -> None:
    async with MeshNode(settings(), listen=False) as node:
        app = web.Application()
        node.add_routes(app, "/live")
        base = await aiohttp_app(app)
        async with aiohttp.ClientSession() as http:
            url = f"{base}/live/whip/demo"
            async with http.post(url, data=publish_offer(), headers=SDP) as answer:
                assert answer.status == 201
                location = answer.headers["Location"]
                assert location.startswith("/live/whip/demo/")
            async with http.delete(f"{base}{location}") as answer:
                assert answer.status == 200
            async with http.get(f"{base}/live/") as answer:
                assert answer.content_type == "text/html"
            async with http.get(f"{base}/live/api/streams") as answer:
                assert answer.status == 200
            async with http.get(f"{base}/live/status") as answer:
                assert answer.status == 404


async def test_another_programs_names_are_given_to_be_served(aiohttp_app) -> None:
    async with MeshNode(settings(), listen=False) as node:
        app = web.Application()
        node.add_routes(app, names=["app.example"])
        base = await aiohttp_app(app)
        async with aiohttp.ClientSession() as http:
            for host, status in (("app.example", 200), ("evil.example", 403)):
                sent = {"Host": host}
                async with http.get(f"{base}/api/streams", headers=sent) as answer:
                    assert answer.status == status


@pytest.fixture
async def aiohttp_app():
    runners = []

    async def serve(app: web.Application) -> str:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield serve
    for runner in runners:
        await runner.cleanup()


# -- drain -----------------------------------------------------------------------------


async def test_a_drain_moves_viewers_and_ends_publishers_in_time(node, browser) -> None:
    whip, whep = f"{browser.base}/whip/demo", f"{browser.base}/whep/demo"
    publisher, viewer = Publisher(whip), Viewer(whep)
    await publisher.open()
    await viewer.open()
    async with listening(browser, f"{viewer.location}/events") as events:
        await events.next("active")
        began = time.monotonic()
        drained = asyncio.ensure_future(node.drain())
        assert await events.next("reconnect") == {}
        assert (await browser.post("whep", play_offer())).status == 503
        await asyncio.wait_for(drained, 20)
        assert time.monotonic() - began < 20
    for peer in (publisher, viewer):
        await until(lambda p=peer: p.pc.connectionState == "closed", "closed")
    assert node.status().gauges["transports"] == 0
    publisher.location = viewer.location = ""
    await publisher.close()
    await viewer.close()


async def test_a_drain_is_quick_when_nobody_listens(node, browser) -> None:
    await browser.post("whip", publish_offer())
    await browser.post("whep", play_offer())
    for _ in range(2):  # by far not as long as listeners would be waited for
        await asyncio.wait_for(node.drain(), DRAIN_VIEWERS_S - 0.5)
    assert node.status().gauges["sessions"] == 0
