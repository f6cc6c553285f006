"""The page: whole, alone, safe, and right in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from meshsim.report.page import page
from support.browser import CHROMIUM, FLAGS
from support.reports import report

VOID = {"meta", "input", "br", "hr", "img"}


class Nesting(HTMLParser):
    """Fails on tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in {"src", "href", "action"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_well_formed_and_asks_nobody_for_anything() -> None:
    text = page(report())
    nesting = Nesting()
    nesting.feed(text)
    assert nesting.open == []
    assert nesting.addresses == []
    outside = re.findall(r"https?://[^\s\"'<)]+", text)
    assert set(outside) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert "url(" not in text


def test_names_from_outside_cannot_become_markup() -> None:
    bad = "</script><script>alert(1)</script>"
    made = report(broken=True)
    told = {**made.violations[0], "message": bad}
    story = {**(made.story or {}), "title": bad}
    evil = replace(
        made,
        title=bad,
        scenario=bad,
        violations=(told,),
        story=story,
        parameters={bad: bad},
    )
    assert "<script>alert" not in page(evil)


def test_a_report_without_anything_is_still_a_page() -> None:
    made = report()
    bare = replace(made.bare(), figures={}, oracle={}, ancestor={}, run={})
    text = page(bare)
    assert "No limit of the acceptance table" in text
    assert "<figure" not in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    path = tmp_path / "r.html"
    path.write_text(page(report()), encoding="utf-8")
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    tab.set_default_timeout(10_000)
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(path.as_uri())
    yield tab
    assert errors == []
    tab.close()


def test_the_repair_can_be_stepped_through(opened: Page) -> None:
    frames = opened.locator("#story input").get_attribute("max")
    assert frames is not None
    assert opened.inner_text(".said") == "Everybody is served."
    opened.click("[data-go=next]")
    assert opened.inner_text(".said").endswith("dies without a word.")
    assert opened.locator("#story .n-dead").count() == 1
    assert opened.locator("#story .n-silent").count() > 0
    for _ in range(int(frames)):
        opened.keyboard.press("ArrowRight")
    assert "has media again" in opened.inner_text(".said")
    assert opened.locator("#story .n-silent").count() == 0
    opened.click("[data-go=back]")
    assert opened.locator("#story input").input_value() == str(int(frames) - 1)


def test_it_plays_by_itself_to_the_end(opened: Page) -> None:
    opened.locator("#story input").fill(str(10_000))
    opened.click("[data-go=play]")
    opened.wait_for_function("document.querySelector('#story input').value !== '0'")
    assert opened.inner_text("[data-go=play]") == "pause"


def test_it_fits_a_telephone_and_has_a_dark_side(opened: Page) -> None:
    light = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    opened.emulate_media(color_scheme="dark")
    dark = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    opened.set_viewport_size({"width": 400, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400
