"""The room page in Chromium: people meet, talk, share, leave, and come back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from browser.test_page import AUDIT
from meshnode import MeshNode
from support.control_world import until
from support.mesh_nodes import mesh_nodes, ready, with_door
from support.node import eventually
from support.room_page import GRANTED, Person, enter, people, speech, visit, visit_page
from support.site import another_site

# why long: `make test` holds one publisher and one viewer of a browser
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def at(node: MeshNode) -> str:
    return node.urls["local"].rstrip("/")


async def test_people_meet_mute_share_write_and_leave(node: MeshNode) -> None:
    async with people(at(node), GRANTED) as browser:
        ann = await enter(browser, at(node), "Ann")
        ben = await enter(browser, at(node), "Ben", (390, 844))
        await ann.sees("Ben")
        await ben.sees("Ann")
        await ann.hears(1)
        await ben.hears(1)
        cyd = await enter(browser, at(node), "Cyd")
        for one, others in ((ann, "Ben Cyd"), (ben, "Ann Cyd"), (cyd, "Ann Ben")):
            await one.sees(*others.split())
            await one.hears(2)
        await mutes(ann, ben, cyd)
        await stops_and_starts_the_camera(ben, ann)
        await shares(cyd, ann)
        await writes(ann, ben)
        await chooses_another_camera(ben, ann)
        await cyd.press("leave")
        await ann.sees("Ben")
        assert await cyd.notice() == "You left the room."
        await cyd.page.click("mesh-room .lobby button.main")
        await ann.sees("Ben", "Cyd")
        for one in (ann, ben, cyd):
            assert one.complaints == []


async def mutes(ann: Person, *others: Person) -> None:
    """Others no longer hear her, are told so, and hear her again at once."""
    await ann.press("mic")
    for one in others:
        await one.until("tiles().some(tile => tile.label.startsWith('Ann, muted'))")
        await one.hears(1)
    await ann.press("mic")
    for one in others:
        await one.until("!tiles().some(tile => tile.label.startsWith('Ann, muted'))")
        await one.hears(2)


async def stops_and_starts_the_camera(ben: Person, ann: Person) -> None:
    await ben.press("camera")
    await ann.sees("Cyd")
    await ann.hears(2)
    assert "Ben" in await ann.tiles(), "he is still there"
    await ben.press("camera")
    await ann.sees("Ben", "Cyd")


async def shares(cyd: Person, ann: Person) -> None:
    """A screen is a second picture, and the large one."""
    await cyd.press("screen")
    await ann.sees("Ben", "Cyd", "Cyd: screen", more=3)
    assert (await ann.tiles())["Cyd: screen"]["staged"]
    await cyd.press("screen")
    await ann.sees("Ben", "Cyd")


async def writes(ann: Person, ben: Person) -> None:
    await ann.press("chat")
    await ann.page.keyboard.type("<b>hello</b>")
    await ann.page.keyboard.press("Enter")
    await ben.until("inside('[data-does=chat]').dataset.unread === '1'")
    await ben.press("chat")
    line = "inside('.chat li p')?.textContent === '<b>hello</b>'"
    await ben.until(line)
    await ann.until(line)
    await ben.page.keyboard.press("Escape")
    await ben.until("inside('.chat').hidden")
    await ann.press("chat")


async def chooses_another_camera(ben: Person, ann: Person) -> None:
    await ben.press("devices")
    label = "element().media.tracks.get('camera').label"
    before = await ben.run(label)
    # why the last: the second one is a depth camera, and the third a compressed one
    await ben.page.locator("mesh-room dialog select").nth(1).select_option(index=4)
    await ben.until(f"{label} !== {before!r}")
    await ben.page.click("mesh-room dialog button.main")
    await ann.sees("Ben", "Cyd")


async def test_who_speaks_is_shown(node: MeshNode, tmp_path: Path) -> None:
    flag = speech(tmp_path / "speech.wav")
    async with people(at(node), GRANTED, flag) as browser:
        ann = await enter(browser, at(node), "Ann")
        await ann.press("mic")
        ben = await enter(browser, at(node), "Ben")
        await ann.until("tiles().find(tile => tile.label.startsWith('Ben'))?.speaks")
        await ben.until("tiles().find(tile => tile.label.startsWith('Ben'))?.speaks")
        await ben.press("mic")
        await ann.press("mic")
        for one in (ann, ben):
            await one.until("tiles().find(t => t.label.startsWith('Ann'))?.speaks")
            await one.until("tiles().filter(tile => tile.speaks).length === 1")


async def test_no_more_comes_than_is_seen(node: MeshNode) -> None:
    async with people(at(node), GRANTED) as browser:
        ann = await enter(browser, at(node), "Ann")
        ben = await enter(browser, at(node), "Ben", (1280, 800))
        await ben.sees("Ann")
        await ben.press("camera")
        await (
            ben.page.locator("mesh-room .tile:not([own]) .actions button")
            .nth(0)
            .click()
        )
        await ben.until("inbound('video').then(all => all[0]?.width === 640)")
        await ben.page.set_viewport_size({"width": 390, "height": 600})
        await ben.until("inbound('video').then(all => all[0]?.width === 320)")
        await ben.page.set_viewport_size({"width": 1280, "height": 800})
        await ben.until("inbound('video').then(all => all[0]?.width === 640)")
        await ben.run("document.querySelector('main').style.visibility = 'hidden'")
        await ben.run("document.querySelector('main').style.marginTop = '200vh'")
        room = node._parts.rooms.get("green")
        assert room is not None
        [seat] = [one for one in room.seats.values() if one.who.name == "Ben"]
        await until(lambda: any(map(seat.gets.hides, seat.gets.playing)), "not seen")

        async def nothing_comes() -> bool:  # but what was under way
            took = []
            for _ in range(2):
                [video] = await ben.run("inbound('video')")
                took.append(video["bytes"])
                await asyncio.sleep(1.0)  # the measurement itself
            return took[0] == took[1]

        await eventually(nothing_comes, 20, "nothing comes")
        await ben.run("document.querySelector('main').removeAttribute('style')")
        await ben.sees("Ann")
        assert ann.complaints + ben.complaints == []


async def test_a_refused_permission_is_one_sentence(node: MeshNode) -> None:
    async with people(at(node)) as browser:
        ann = await visit(browser, at(node), "Ann")
        await ann.page.click("mesh-room .lobby button.main")
        await ann.until("!inside('.lobby button.main').disabled")
        said = await ann.notice()
        assert said.startswith("The browser was not allowed to use your microphone")
        assert said.count(".") == 1
        await ann.page.select_option("mesh-room .lobby select", "none")
        await ann.page.click("mesh-room .lobby button.main")
        await ann.until("element().getAttribute('state') === 'live'")
        await ann.press("camera")
        await ann.until("inside('.notice').textContent.includes('your camera')")


@pytest.mark.parametrize("told", [True, False], ids=["told", "learned"])
async def test_when_a_node_goes_its_people_go_on_at_another(told: bool) -> None:
    """At one that the page was told of, or that its node named while it was there."""
    async with mesh_nodes() as start:
        # only who is served by name names others, and is named (--public-url)
        doors = [{}, {}] if told else [with_door(), with_door()]
        a = await start(**doors[0])
        b = await start(a, **doors[1])
        await until(lambda: ready(a) and ready(b), "a link")
        async with people(at(a), GRANTED) as browser:
            ben = await enter(browser, at(b), "Ben")
            ann = await visit(browser, at(a), "Ann")
            if told:
                await ann.run(f"element().setAttribute('nodes', '{at(b)}')")
            await ann.page.click("mesh-room .lobby button.main")
            await ben.sees("Ann")
            await ann.sees("Ben")
            peer = await ann.run("element().room.peer")
            await ann.until("element().room.ways.count === 2")
            began = time.monotonic()
            await a.__aexit__(None, None, None)
            room = b._parts.rooms.get("green")
            assert room is not None
            await until(lambda: len(room.seats) == 2, "she sits there", 40)
            await ann.until(f"element().room.peer === '{peer}'")
            await ben.sees("Ann", more=1)
            await ann.sees("Ben", more=1)
            print(f"seen again after {time.monotonic() - began:.1f} s")
            assert await ben.run("element().room.members.length") == 1


async def test_a_page_that_is_loaded_again_has_its_seat(node: MeshNode) -> None:
    async with people(at(node), GRANTED) as browser:
        ann = await enter(browser, at(node), "Ann")
        ben = await enter(browser, at(node), "Ben")
        await ben.sees("Ann")
        peer = await ann.run("element().room.peer")
        await ann.page.reload()
        await ann.page.click("mesh-room .lobby button.main")
        await ann.until(f"element().room?.peer === '{peer}'")
        await ben.sees("Ann")
        assert list(await ben.tiles()) == ["Ben (you)", "Ann"]


async def test_it_works_with_a_keyboard_and_on_a_phone(node: MeshNode) -> None:
    async with people(at(node), GRANTED) as browser:
        ann = await visit(browser, at(node), "Ann", (390, 844))
        assert await ann.page.evaluate(AUDIT) == []
        await ann.page.focus("mesh-room .lobby button.main")
        await ann.page.keyboard.press("Enter")
        await ann.until("element().shadowRoot.activeElement?.dataset.does === 'mic'")
        ben = await enter(browser, at(node), "Ben", (1280, 800))
        await ann.sees("Ben")
        await ann.page.keyboard.press("Space")
        await ann.until("tiles()[0].label === 'Ann (you), muted'")
        for does in ("camera", "screen", "chat"):
            await ann.page.keyboard.press("Tab")
            assert (
                await ann.run("element().shadowRoot.activeElement.dataset.does") == does
            )
        await ann.page.keyboard.press("Enter")
        await ann.until("element().shadowRoot.activeElement?.placeholder")
        assert await ann.page.evaluate(AUDIT) == []
        await ann.page.keyboard.press("Escape")
        await ann.until("element().shadowRoot.activeElement?.dataset.does === 'chat'")
        for one in (ann, ben):
            assert await one.page.evaluate(AUDIT) == []


async def test_the_element_works_in_somebody_elses_page(node: MeshNode) -> None:
    body = (
        f'<script type="module" src="{at(node)}/js/elements.js"></script>'
        f'<mesh-room src="{at(node)}" room="green" name="Eve" with="test" '
        'style="height: 20rem"></mesh-room>'
    )
    async with another_site(body) as url, people(at(node), GRANTED) as browser:
        ann = await enter(browser, at(node), "Ann")
        eve = await visit_page(browser, url, "Eve")
        await eve.page.click("mesh-room .lobby button.main")
        await ann.sees("Eve")
        await eve.sees("Ann")
        assert eve.complaints == []
