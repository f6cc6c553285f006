"""What a first start prints: where to go, and what to change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from meshnode.cli.banner import announcement
from meshnode.config import Settings
from meshnode.observe.mesh_status import MeshStatus
from meshnode.observe.status import NodeStatus


def status(origin: str, *addresses: str) -> NodeStatus:
    urls = {
        "page": f"{origin}/",
        "whip": f"{origin}/whip/",
        "whep": f"{origin}/whep/",
        "admin": "http://127.0.0.1:8081",
    }
    return NodeStatus("0.1.0", "ready", 0.0, "reference", addresses, urls, {})


def said(origin: str, addresses: list[str], key: str = "", **options: Any) -> str:
    qr = options.pop("qr", False)
    settings = Settings(data=Path("/data"), **options)
    return "\n".join(announcement(status(origin, *addresses), settings, key, qr=qr))


def test_on_loopback() -> None:
    text = said("http://127.0.0.1:8080", ["127.0.0.1:5000"], qr=True)
    assert "page         http://127.0.0.1:8080/\n" in text
    assert "http://127.0.0.1:8080/whip/STREAM" in text
    assert "http://127.0.0.1:8080/#watch=STREAM" in text
    assert "UDP 127.0.0.1:5000" in text
    assert "everybody on this machine may publish" in text
    assert "add --http 0.0.0.0:8080" in text
    assert "▀" not in text


def test_what_to_add_keeps_the_port_that_was_chosen() -> None:
    where = ("http://127.0.0.1:9000", ["127.0.0.1:5000"])
    assert "add --http 0.0.0.0:9000" in said(*where, http="127.0.0.1:9000")


def test_on_a_local_network() -> None:
    text = said(
        "http://192.168.1.5:8080",
        ["192.168.1.5:5000"],
        http="0.0.0.0:8080",
        qr=True,
    )
    assert "Others reach it if UDP 5000 and TCP 8080 are open." in text
    assert "add --map-port,\nor --public-ip ADDRESS and forward both ports" in text
    assert "Browsers give the camera to https pages only" in text
    assert "▀" in text or "█" in text


def test_while_the_router_is_asked() -> None:
    where = ("http://192.168.1.5:8080", ["192.168.1.5:5000"])
    text = said(*where, http="0.0.0.0:8080", map_port=True)
    assert "The router is being asked" in text
    assert "--public-ip" not in text


def test_in_the_open(tmp_path: Path) -> None:
    text = said(
        "https://live.example.org",
        ["[2606:4700::1]:5000", "1.1.1.1:5000"],
        http="0.0.0.0:443",
        public_url="https://live.example.org",
    )
    assert "TCP 443 are open" in text
    assert "--public-ip" not in text
    assert "https pages only" not in text


def test_a_key_is_shown_when_it_was_made_and_only_then(tmp_path: Path) -> None:
    file = tmp_path / "publish.key"
    file.write_text("s3cret")
    origin = "http://192.168.1.5:8080"
    shown = said(origin, ["192.168.1.5:1"], "s3cret", publish_key_file=file)
    assert "s3cret  (shown this once)" in shown
    assert str(file) in shown
    later = said(origin, ["192.168.1.5:1"], publish_key_file=file)
    assert "s3cret" not in later
    assert f"in {file}" in later
    inherited = said(origin, [], publish_key=SecretStr("s3cret"))
    assert "s3cret" not in inherited
    assert "from MESHNODE_PUBLISH_KEY" in inherited
    assert "UDP nowhere" in inherited


def test_a_node_of_a_mesh_prints_the_line_for_the_next_one() -> None:
    line = "/ip4/203.0.113.7/tcp/5000/p2p/12D3KooWnode"
    mesh = MeshStatus("12D3KooWnode", 1, "both", "unknown", (line, "/ip4/10.0.0.5"))
    alone = status("http://127.0.0.1:8080", "127.0.0.1:5000")
    settings = Settings(data=Path("/data"))
    text = "\n".join(announcement(replace(alone, mesh=mesh), settings))
    assert "node         12D3KooWnode\n" in text
    assert f"next node    meshnode run --bootstrap {line}\n" in text
    assert "next node" not in "\n".join(announcement(alone, settings))
