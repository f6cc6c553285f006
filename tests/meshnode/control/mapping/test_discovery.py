"""Whose answer to a search counts, and what it may point to."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.control.mapping.discovery import _Replies, location_of, points_to
from meshnode.control.mapping.gateway import Gateway

ROUTER = Gateway("192.0.2.1", "192.0.2.2")
GOOD = "http://192.0.2.1:5000/rootDesc.xml"


def reply(location: str = GOOD) -> bytes:
    return f"HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: {location}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("source", "datagram", "counts"),
    [
        ("192.0.2.1", reply(), True),
        ("192.0.2.66", reply(), False),
        ("192.0.2.1", reply("http://192.0.2.66/d.xml"), False),
        ("192.0.2.1", reply("http://192.0.2.1@192.0.2.66/"), False),
        ("192.0.2.1", reply("https://192.0.2.1/"), False),
        ("192.0.2.1", reply("file:///etc/passwd"), False),
        ("192.0.2.1", reply("http://[::"), False),
        ("192.0.2.1", b"M-SEARCH * HTTP/1.1\r\n\r\n", False),
        ("192.0.2.1", reply(GOOD + "a" * 4000), False),
        ("192.0.2.1", b"\xff\x00", False),
    ],
)
async def test_only_the_gateway_pointing_to_itself_counts(
    source: str, datagram: bytes, counts: bool
) -> None:
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    _Replies(ROUTER, found).datagram_received(datagram, (source, 1900))
    assert found.done() is counts
    assert not counts or found.result() == GOOD


def test_a_port_of_0_is_none() -> None:
    assert points_to("http://192.0.2.1/d", "192.0.2.1")
    assert not points_to("http://192.0.2.1:0/d", "192.0.2.1")
    assert not points_to("http://192.0.2.1:99999/d", "192.0.2.1")


@given(st.binary(max_size=200))
def test_any_reply_is_read_or_not(data: bytes) -> None:
    for datagram in (data, b"HTTP/1.1 200 OK\r\n" + data):
        found = location_of(datagram, ("192.0.2.1", 1900))
        assert found is None or isinstance(found, str)
