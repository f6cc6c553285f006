"""`peers`, `routes`, `streams` and `trace` as a person reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from threading import Thread

import pytest

from meshnode import Settings
from meshnode.cli.main import main
from support.mesh_view import ORIGIN, RELAY, Meshed, short, text


@pytest.fixture(scope="module")
def admin() -> Iterator[str]:
    """The admin address of a node in a loop of its own: the commands block."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0")
    node = Meshed(settings)

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    run(node.__aenter__())
    yield node.urls["admin"].removeprefix("http://")
    run(node.__aexit__(None, None, None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


def said(capsys, *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_peers_is_a_table_of_neighbours(admin: str, capsys) -> None:
    out = said(capsys, "peers", "--admin", admin)
    assert "neighbours 6" in out
    row = next(line for line in out.splitlines() if text(6)[-8:] in line)
    assert "suspect" in row
    assert "60.0" in row
    assert "20.0" in row


def test_routes_name_the_next_hop(admin: str, capsys) -> None:
    out = said(capsys, "routes", "--admin", admin)
    assert text(ORIGIN)[-8:] in out
    assert text(2)[-8:] in out
    assert "31.0" in out


def test_streams_say_what_is_carried(admin: str, capsys) -> None:
    out = said(capsys, "streams", "--admin", admin)
    row = next(line for line in out.splitlines() if line.startswith("demo"))
    assert "vp8 opus" in row
    assert "live" in row


def test_a_trace_tells_hops_reasons_and_what_is_not_known(admin: str, capsys) -> None:
    out = said(capsys, "trace", "demo", "--admin", admin)
    assert "3 hops, 31.0 ms from the origin" in out
    assert f"({short(RELAY)})" in out
    assert f"{text(ORIGIN)[-8:]} (origin)" in out
    assert "dearer by 9.3 ms" in out
    assert "the second parent" in out
    assert "partial view" in out


@pytest.mark.parametrize(
    "command", [["peers"], ["routes"], ["streams"], ["trace", "demo"]]
)
def test_json_is_the_whole_answer(admin: str, capsys, command: list[str]) -> None:
    told = json.loads(said(capsys, *command, "--admin", admin, "--json"))
    assert told["partial"] is True


def test_an_unknown_stream_is_one_sentence(admin: str, capsys) -> None:
    assert main(["trace", "nobody", "--admin", admin]) == 2
    error = capsys.readouterr().err
    assert error == (
        "meshnode: no stream nobody is known here; /admin/streams lists them\n"
    )


def test_nobody_there_is_one_sentence(capsys) -> None:
    assert main(["peers", "--admin", "127.0.0.1:9"]) == 2
    assert (
        "no node answers at http://127.0.0.1:9/admin/peers" in capsys.readouterr().err
    )
