"""Chromium renegotiates with the node: tracks, crossing offers, restarts."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from meshnode import MeshNode
from meshnode.signalling.connection import Rules
from support.browser import SCRIPT as DRAWING
from support.calls import SCRIPT, Hub, PageRtc
from support.node import eventually
from support.rtc import until

# why long: `make test` holds one publisher and one viewer of a browser
pytestmark = pytest.mark.long

SMALL = "picture(160, 120, 15)"
IMPOLITE = Rules(here=True, polite=False)


async def seat(
    hub: Hub, browser: Browser, node: MeshNode, name: str, *, polite: bool = False
) -> PageRtc:
    """A page of its own with a call to the hub; whoever is polite, the other is not."""
    page = await browser.new_page()
    await page.goto(f"{node.urls['local']}healthz")
    await page.evaluate(f"() => {{ {DRAWING}; {SCRIPT} }}")
    rules = IMPOLITE if polite else Rules(here=True)
    call = PageRtc(page, hub.desk(name, rules))
    await call.start(polite=polite)
    return call


async def plays(call: PageRtc, tracks: int, more: int = 5) -> None:
    """Wait until so many tracks of the call have advanced by `more`."""
    before = await call.run("return await c.inbound()")

    async def advanced() -> bool:
        now = await call.run("return await c.inbound()")
        return sum(now[k] - before.get(k, 0) >= more for k in now) >= tracks

    await eventually(advanced, 40, f"{tracks} tracks play at {call.desk.name}")


@pytest.mark.timeout(300)
async def test_pictures_both_ways_and_one_more_without_a_glitch(
    node: MeshNode, browser: Browser
) -> None:
    hub = Hub(node._parts)
    one, two = [await seat(hub, browser, node, name) for name in ("one", "two")]
    for call in (one, two):
        await call.run(f"c.pc.addTrack({SMALL}, new MediaStream())")
        await call.run("c.pc.addTrack(tone(), new MediaStream())")
    await plays(one, 2)
    await plays(two, 2)
    (stays,) = before = await two.run("return await c.frozen()")
    await one.run(f"c.screen = c.pc.addTrack({SMALL}, new MediaStream())")
    await plays(two, 3)
    await one.run("c.pc.removeTrack(c.screen)")
    await until(lambda: len(two.desk.playing) == 2, "the track is gone")
    await plays(two, 2, 15)
    # why that one alone: whether one that has ended is still counted is the browser's
    after = await two.run("return await c.frozen()")
    assert after[stays] == before[stays]
    for call in (one, two):
        assert await call.run("return c.errors") == []
        assert call.desk.connection.ignored["candidate"] == 0
    await one.close()
    await two.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("polite", [False, True])
async def test_forced_glare_200_times_always_converges(
    node: MeshNode, browser: Browser, polite: bool
) -> None:
    """Both sides change something at the same moment, over and over."""
    hub = Hub(node._parts)
    shown = {"two": True}
    hub.only = lambda to, _from, _inlet: shown.get(to, True)
    one = await seat(hub, browser, node, "one")
    await one.run(f"c.pc.addTrack({SMALL}, new MediaStream())")
    two = await seat(hub, browser, node, "two", polite=polite)
    await two.run(
        "c.tone = tone(); c.sender = c.pc.addTrack(c.tone, new MediaStream())"
    )
    await plays(two, 1)
    connection = two.desk.connection
    crossed = 0
    for turn in range(200):
        way = "sendonly" if turn % 2 else "sendrecv"
        shown["two"] = bool(turn % 2)
        hub.spread()
        await two.run(
            f"c.pc.getTransceivers()[0].direction = '{way}'; "
            "c.pc.dispatchEvent(new Event('negotiationneeded'))"
        )
        await until(lambda: not connection.due and not connection.busy, "agreement")
        crossed = connection.ignored["rolled-back"] + connection.ignored["offer-ignore"]
    assert crossed > 20, "there was hardly any glare"
    shown["two"] = True
    hub.spread()
    await plays(two, 1)
    assert await two.run("return c.errors") == []
    print(f"{crossed} of 200 crossed")


@pytest.mark.timeout(300)
async def test_100_tracks_of_a_page_come_and_go_without_a_leak(
    node: MeshNode, browser: Browser
) -> None:
    hub = Hub(node._parts)
    one, two = [await seat(hub, browser, node, name) for name in ("one", "two")]
    await one.run("c.pc.addTrack(tone(), new MediaStream()); c.shown = " + SMALL)
    await plays(two, 1)
    for _ in range(100):
        await one.run(
            "c.screen = c.pc.addTransceiver(c.shown, {direction: 'sendonly'})"
        )
        await until(lambda: len(two.desk.playing) == 2, "it comes")
        await until(hub.flowing, "under an SSRC of its own")
        await one.run("c.screen.stop()")
        await until(lambda: len(two.desk.playing) == 1, "it goes")
    await one.run(f"c.pc.addTrack({SMALL}, new MediaStream())")
    await plays(two, 2)
    assert hub.producers() == 2
    assert hub.consumers() == 2
    for call in (one, two):
        sections = len(call.desk.connection.sections)
        assert sections <= 4, f"{call.desk.name} has {sections} sections"
        assert await call.run("return c.errors") == []
        assert await call.run("return c.pc.getTransceivers().length") <= 4


async def test_ice_restarts_from_both_sides(node: MeshNode, browser: Browser) -> None:
    hub = Hub(node._parts)
    one, two = [await seat(hub, browser, node, name) for name in ("one", "two")]
    await one.run(f"c.pc.addTrack({SMALL}, new MediaStream())")
    await plays(two, 1)
    before = two.desk.connection.transport
    assert before is not None
    ufrag = before.local_ufrag
    two.desk.connection.restart()
    await until(lambda: before.local_ufrag != ufrag, "new credentials")
    await plays(two, 1)
    ufrag = before.local_ufrag
    await two.run("c.pc.restartIce()")
    await until(lambda: before.local_ufrag != ufrag, "and new ones again")
    await plays(two, 1)
    assert two.desk.connection.transport is before
    assert await two.run("return c.pc.connectionState") == "connected"


async def test_a_page_that_is_loaded_again_goes_on(
    node: MeshNode, browser: Browser
) -> None:
    hub = Hub(node._parts)
    one, two = [await seat(hub, browser, node, name) for name in ("one", "two")]
    await one.run(f"c.pc.addTrack({SMALL}, new MediaStream())")
    await two.run("c.pc.addTrack(tone(), new MediaStream())")
    await plays(two, 1)
    await plays(one, 1)
    await two.run("c.again()")
    await two.run("c.pc.addTrack(tone(), new MediaStream())")
    await plays(two, 1)
    await plays(one, 1)
    assert hub.producers() == 2
    assert hub.consumers() == 2
