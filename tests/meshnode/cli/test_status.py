"""`meshnode status` reads what nodes of any age say."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from meshnode.cli.status import duration, fetch, lines_of
from meshproto.errors import StateError


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9, "0 s"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (7800, "2 h 10 min"),
        (356400, "4 d 3 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_whole_answer() -> None:
    layer = {"rid": "h", "width": 640, "height": 360, "bitrate_bps": 501_000}
    answer = {
        "version": "0.1.0",
        "state": "ready",
        "uptime_s": 61,
        "plane": "reference",
        "addresses": ["127.0.0.1:5000"],
        "urls": {"page": "http://127.0.0.1:8080/"},
        "limits": {"streams": 256},
        "streams": [
            {
                "name": "demo",
                "state": "live",
                "age_s": 5,
                "viewers": 2,
                "tracks": [{"kind": "video", "codec": "vp8", "layers": [layer]}],
            }
        ],
    }
    text = "\n".join(lines_of(answer))
    assert "meshnode 0.1.0  ready  up 1 min 1 s  plane reference" in text
    assert "page        http://127.0.0.1:8080/" in text
    assert "  demo  live  5 s  viewers 2" in text
    assert "    video  vp8  h 640x360 501 kb/s" in text
    assert "  streams = 256" in text


def test_an_answer_that_says_little() -> None:
    assert "streams: 0" in lines_of({})


@pytest.fixture
def other_server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/missing":
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"[]" if self.path == "/list" else b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/list", "/page"])
def test_something_else_answers(other_server: str, path: str) -> None:
    with pytest.raises(StateError, match="it is no node's status"):
        fetch(other_server + path)


def test_a_refusal(other_server: str) -> None:
    with pytest.raises(StateError, match=r"no node answers at .*Not Found"):
        fetch(f"{other_server}/missing")


def test_what_is_lent_and_what_bounds_it() -> None:
    lent = {
        "upload_bps": 2_500_000,
        "relayed_bps": 2_000_000,
        "month_octets": 12_340_000_000,
        "grant": 0.5,
        "max_upload_bps": 20_000_000,
        "max_relays": None,
        "denied": 3,
        "carrying": [{"name": "demo", "copies": 2, "viewers": 1}],
    }
    text = "\n".join(lines_of({"volunteer": lent}))
    assert "upload: 2.50 Mb/s now, of it 2.00 Mb/s to other nodes; 12.34 GB" in text
    assert "overloaded: offers 50% of its capacity" in text
    assert "carries demo: 2 copies to nodes, 1 viewers" in text
    assert "limits: --max-upload = 20000000, --deny, lines = 3" in text


def test_the_mesh_is_told_in_a_few_lines() -> None:
    peer = {"node": "12D3KooWfar", "purpose": "overlay", "rtt_s": 0.0123, "loss": 0.0}
    tree = {"name": "cam", "state": "live", "parent": "12D3KooWparent", "children": []}
    mesh = {
        "node": "12D3KooWnear",
        "reach": "direct",
        "peers": [peer, {**peer, "rtt_s": None}],
        "trees": [tree, {"stream": "ab", "state": "searching"}],
        "streams": [{"name": "cam"}],
    }
    text = "\n".join(lines_of({"mesh": mesh}))
    assert "mesh: node 12D3KooWnear  reach direct" in text
    assert "12D3KooWfar  overlay  12.3 ms  loss 0.0" in text
    assert "12D3KooWfar  overlay  ?  loss 0.0" in text
    assert "cam  live  parent oWparent" in text
    assert "ab  searching  parent -" in text
    assert "mesh:" not in "\n".join(lines_of({}))
