"""A node as a process: it starts, is told apart, drains, and guards its door."""

from __future__ import annotations

import contextlib
import json
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meshnode.cli.folder import DataFolder
from meshnode.cli.run import is_exposed, with_key
from meshnode.config import Settings

WATCHED = """
import gc, os, signal, sys, threading, time
from meshnode.cli.main import main

def watch():
    while not gc.get_freeze_count():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=watch, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""
"""Ends as soon as the collector leaves alone what was there at the start."""

Run = Callable[..., subprocess.CompletedProcess[str]]
FREE_PORTS = ("--port", "0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as response:
        body: bytes = response.read()
        return body


def test_it_starts_answers_and_ends_with_0(node: Any, meshnode: Run) -> None:
    assert b"<title>meshnode" in get(f"{node.url}/")
    assert get(f"{node.url}/healthz") == b"ok\n"
    done = meshnode("status", "--admin", node.admin)
    assert "ready" in done.stdout
    assert "streams: 0" in done.stdout
    answer = json.loads(meshnode("status", "--admin", node.admin, "--json").stdout)
    assert answer["state"] == "ready"
    assert node.process.stop() == 0
    node.process.until("draining")


def test_ctrl_c_is_a_clean_end_too(node: Any) -> None:
    assert node.process.stop(signal.SIGINT) == 0


def test_full_collections_do_not_walk_what_was_there_at_the_start(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", WATCHED, "run", *FREE_PORTS, "--no-mesh"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path)],
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_second_node_gets_one_sentence_with_flags_that_work(
    node: Any, start: Any, meshnode: Run
) -> None:
    http, admin = node.url.removeprefix("http://"), node.admin
    arguments = [
        "--http",
        http,
        "--admin",
        admin,
        "--data",
        str(node.data),
        "--port",
        "0",
    ]
    done = meshnode("run", *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"--data {node.data} is in use by process" in line
    assert f"HTTP {http} and admin {admin} are in use" in line
    suggested = line.partition("add: ")[2].split()
    second = start("run", *arguments, *suggested)
    assert second.until(r"page\s+http://(\S+)/")[1] != http
    assert second.stop() == 0


def test_a_taken_port_alone(node: Any, meshnode: Run, tmp_path: Path) -> None:
    http = node.url.removeprefix("http://")
    done = meshnode(*FREE_PORTS, "--http", http, "--data", str(tmp_path / "other"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"meshnode: HTTP {http} is in use;")


def test_a_key_is_made_where_others_can_publish(start: Any, tmp_path: Path) -> None:
    data = tmp_path / "open"
    flags = (*FREE_PORTS, "--http", "0.0.0.0:0", "--data", str(data), "--no-mesh")
    first = start("run", *flags)
    key = first.until(r"publish key\s+(\S+)  \(shown this once\)")[1]
    file = data / "publish.key"
    assert file.read_text().strip() == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    port = first.until(r"TCP (\d+) are open")[1]
    offer = urllib.request.Request(
        f"http://127.0.0.1:{port}/whip/demo",
        b"v=0",
        {"Content-Type": "application/sdp"},
        method="POST",
    )
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(offer, timeout=20)
        raise AssertionError("published without the key")
    assert first.stop() == 0
    second = start("run", *flags)
    second.until(rf"publish key\s+in {file}")
    second.until("Others reach it")
    assert second.stop() == 0
    everything = first.lines + first.errors + second.lines + second.errors
    assert sum(key in line for line in everything) == 1


def test_json_logs_are_json_lines(start: Any, tmp_path: Path) -> None:
    flags = (*FREE_PORTS, "--no-mesh", "--log-format", "json")
    process = start("run", *flags, "--data", str(tmp_path / "d"))
    process.until("Only this machine")
    assert process.stop() == 0
    events = [json.loads(line)["event"] for line in process.errors]
    assert "Draining" in events


def test_a_bad_certificate_is_a_sentence(meshnode: Run, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nonsense")
    files = ("--tls-cert", str(tmp_path / "cert.pem"))
    files += ("--tls-key", str(tmp_path / "key.pem"))
    done = meshnode(*FREE_PORTS, "--no-mesh", *files)
    assert done.returncode == 2
    assert "--tls-cert" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_who_must_show_a_key(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    local = Settings()
    assert with_key(local, folder) == (local, "")
    assert not folder.key_file.exists()
    for exposed in (
        Settings(http="0.0.0.0:1"),
        Settings(public_url="https://live.example.org"),
        Settings(trusted_proxy=("10.0.0.1",)),
    ):
        assert is_exposed(exposed)
        guarded, _ = with_key(exposed, folder)
        assert guarded.read_publish_key() == folder.read_key()
    own = Settings.model_validate({"http": "0.0.0.0:1", "publish_key": "mine"})
    assert with_key(own, folder) == (own, "")


def test_sighup_reads_the_lists_again(
    start: Any, meshnode: Run, tmp_path: Path
) -> None:
    deny = tmp_path / "deny"
    deny.write_text("stream bad\n")
    node = start("run", *FREE_PORTS, "--no-mesh", "--deny", str(deny))
    admin = node.until(r"admin\s+http://(\S+)")[1]

    def denied() -> int:
        answer = json.loads(meshnode("status", "--admin", admin, "--json").stdout)
        lines: int = answer["volunteer"]["denied"]
        return lines

    assert denied() == 1
    deny.write_text("stream bad\nclaim 9f3a01bc\n")
    node.process.send_signal(signal.SIGHUP)
    node.until_error("ListsRead")
    assert denied() == 2
    deny.write_text("nonsense\n")
    node.process.send_signal(signal.SIGHUP)
    assert "line 1 is 'nonsense' but should be" in node.until_error("ListsRefused")
    assert denied() == 2
    assert node.stop() == 0


def test_a_list_with_a_mistake_is_one_sentence(meshnode: Run, tmp_path: Path) -> None:
    allow = tmp_path / "allow"
    allow.write_text("# mine\nsteam cam\n")
    done = meshnode("run", *FREE_PORTS, "--no-mesh", "--allow", str(allow))
    assert done.returncode == 2
    assert done.stderr == (
        f"meshnode: {allow} line 2 is 'steam cam' but should be stream NAME,"
        " claim FINGERPRINT or node ID\n"
    )
