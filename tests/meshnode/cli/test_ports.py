"""`meshnode ports` tells what a firewall must let through."""

from __future__ import annotations

import pytest

from meshnode.cli.main import main
from meshnode.cli.ports import rows_of
from meshnode.config import Settings


def test_each_port_with_protocol_and_purpose() -> None:
    rows = rows_of(Settings(http="[::]:443", port=6000))
    assert [row[:4] for row in rows] == [
        ("6000", "UDP", "--port", "0.0.0.0 ::"),
        ("6000", "TCP", "--port", "0.0.0.0 ::"),
        ("443", "TCP http", "--http", "::"),
        ("8081", "TCP http", "--admin", "127.0.0.1"),
    ]


def test_a_node_that_serves_alone_meets_nobody() -> None:
    rows = rows_of(Settings(mesh=False))
    assert [row[1] for row in rows] == ["UDP", "TCP http", "TCP http"]


def test_a_mapping_names_what_is_asked_and_of_whom() -> None:
    rows = [row for row in rows_of(Settings(map_port=True)) if row[2] == "--map-port"]
    assert [row[:2] for row in rows] == [
        ("5000", "UDP and TCP"),
        ("5351", "UDP"),
        ("1900", "UDP"),
    ]
    alone = rows_of(Settings(map_port=True, mesh=False))
    assert ("5000", "UDP", "--map-port", "the router") in [row[:4] for row in alone]


def test_the_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ports", "--port", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("PORT      PROTOCOL")
    assert lines[1].startswith("any free  UDP ")
    column = lines[0].index("PURPOSE")
    assert all(line[column - 1] == " " != line[column] for line in lines)
