"""What people type, and the endpoint they meant."""

from __future__ import annotations

import pytest

from meshnode.client.urls import Door, endpoint, is_loopback, same_origin, stream_name
from meshproto.errors import StateError


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8080/demo", "http://127.0.0.1:8080/whip/demo"),
        ("127.0.0.1:8080/demo", "http://127.0.0.1:8080/whip/demo"),
        ("localhost/demo/", "http://localhost/whip/demo"),
        ("[::1]:8080/demo", "http://[::1]:8080/whip/demo"),
        ("live.example.org/demo", "http://live.example.org/whip/demo"),
        ("https://example.org/node/demo", "https://example.org/node/whip/demo"),
        ("demo", "http://127.0.0.1:8080/whip/demo"),
        ("http://h/whip/demo", "http://h/whip/demo"),
        ("http://h/whep/demo", "http://h/whip/demo"),
        ("http://h:8889/live/whip?x=1", "http://h:8889/live/whip?x=1"),
        ("http://h:8080/#watch=demo", "http://h:8080/whip/demo"),
        ("http://h:8080/#watch=a%20b", "http://h:8080/whip/a%20b"),
    ],
)
def test_forms_of_an_endpoint(text: str, url: str) -> None:
    assert endpoint(text, Door.WHIP) == url
    assert endpoint(text, Door.WHEP) == url.replace("whip", "whep")


@pytest.mark.parametrize(
    "text", ["ftp://h/demo", "http:///demo", "http://h", "http://h/"]
)
def test_what_is_no_stream(text: str) -> None:
    with pytest.raises(StateError):
        endpoint(text, Door.WHIP)


def test_the_stream_of_an_endpoint() -> None:
    assert stream_name("http://h/whip/a%20b") == "a b"


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.2:1/x", True),
        ("http://[::1]/x", True),
        ("http://localhost/x", True),
        ("http://10.0.0.1/x", False),
        ("http://example.org/x", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_an_origin_is_scheme_host_and_port() -> None:
    assert same_origin("http://h/a", "http://h:80/b?c")
    assert not same_origin("http://h/a", "https://h/a")
    assert not same_origin("http://h/a", "http://h:8080/a")
    assert not same_origin("http://h/a", "http://other/a")
