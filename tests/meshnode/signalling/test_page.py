"""The static page and its headers."""

from __future__ import annotations

import pytest

from meshnode.signalling.page import TYPES, web_files


async def test_the_page_is_at_the_root(client) -> None:
    answer = await client.ask("GET", "/")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>meshnode</title>" in await answer.text()


@pytest.mark.parametrize(
    "name", sorted(name for name in web_files() if not name.startswith("mesh/"))
)
async def test_every_file_has_its_type_and_may_not_be_sniffed(client, name) -> None:
    answer = await client.ask("GET", f"/{name}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == TYPES[web_files()[name].suffix]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_a_file_is_not_sent_again_when_it_is_the_same(client) -> None:
    etag = (await client.ask("GET", "/")).headers["ETag"]
    again = await client.ask("GET", "/", headers={"If-None-Match": etag})
    assert again.status == 304


async def test_scripts_come_from_this_node_only(client) -> None:
    policy = (await client.ask("GET", "/")).headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "object-src 'none'" in policy


async def test_modules_can_be_used_by_other_sites(client) -> None:
    answer = await client.ask("GET", "/js/elements.js")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/package.json",
        "/js/",
        "/js/..%2f..%2fconfig.py",
        "/%2e%2e/config.py",
        "/js/%00",
    ],
)
async def test_there_is_nothing_else(client, path) -> None:
    from yarl import URL

    async with client.http.get(URL(f"{client.base}{path}", encoded=True)) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


async def test_a_page_takes_no_post(client) -> None:
    answer = await client.ask("POST", "/")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
