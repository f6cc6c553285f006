"""One sentence for everything that is taken, with flags that work."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshnode.cli.conflicts import sentence, taken_flags
from meshnode.cli.sources import load
from meshnode.config import Settings


@pytest.fixture
def taken() -> Iterator[Settings]:
    """Settings whose three ports are all in use."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    tcp = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    http, admin = (server.getsockname()[1] for server in tcp)
    yield Settings(
        port=udp.getsockname()[1],
        hosts=("127.0.0.1",),
        http=f"127.0.0.1:{http}",
        admin=f"127.0.0.1:{admin}",
        data=Path("/data"),
    )
    for each in (udp, *tcp):
        each.close()


def flags_of(text: str) -> dict[str, str]:
    words = text.split()
    return {
        word.removeprefix("--"): words[place + 1]
        for place, word in enumerate(words)
        if word.startswith("--")
    }


def test_free_ports_need_no_flags() -> None:
    settings = Settings(port=0, http="127.0.0.1:0", admin="127.0.0.1:0")
    assert taken_flags(settings) == []
    assert sentence(settings, "why") == "why"


def test_the_suggested_flags_are_free(taken: Settings) -> None:
    suggested = flags_of(" ".join(taken_flags(taken)))
    assert suggested.keys() == {"port", "http", "admin"}
    moved = load({**suggested, "hosts": taken.hosts})
    assert taken_flags(moved) == []
    assert moved.http != moved.admin


def test_everything_taken_is_one_sentence(taken: Settings) -> None:
    said = sentence(taken, "--data /data is in use by process 7", folder_taken=True)
    assert len(said.splitlines()) == 1
    assert said.startswith("--data /data is in use by process 7; UDP port ")
    assert "are in use; is another node running? To start one beside it, add:" in said
    assert said.endswith("--data /data-2")


def test_one_port_taken(taken: Settings) -> None:
    one = taken.model_copy(update={"http": "127.0.0.1:0", "admin": "127.0.0.1:0"})
    said = sentence(one)
    assert said.startswith(f"UDP port {one.port} is in use; is another node running?")


def test_neighbours_do_not_get_each_others_port(taken: Settings) -> None:
    http = taken.http_endpoint
    with socket.create_server(("127.0.0.1", 0)) as other:
        both = taken.model_copy(
            update={"admin": f"127.0.0.1:{other.getsockname()[1]}", "http": str(http)}
        )
        found = flags_of(" ".join(taken_flags(both)))
    assert found["http"] != found["admin"]


def test_a_name_that_does_not_resolve_is_not_called_taken() -> None:
    settings = Settings(port=0, http="no-such-host.invalid:80", admin="127.0.0.1:0")
    assert taken_flags(settings) == []
