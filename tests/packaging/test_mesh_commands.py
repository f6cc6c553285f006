"""README's mesh sections, run from the wheel: two nodes, every command they name."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1300)  # the first test builds and installs
ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SIZE = ("--size", "320x180")


def section(title: str) -> str:
    return re.split(r"^## ", README.split(f"## {title}\n", 1)[1], flags=re.MULTILINE)[0]


def commands(title: str) -> list[list[str]]:
    """The commands of a section's blocks, without comments and continuations."""
    blocks = re.findall(r"```sh\n(.*?)```", section(title), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("#")[0].split() for line in lines if line.strip()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def asked(installed: Any, *command: str) -> str:
    done = subprocess.run(
        [installed.meshnode, *command],
        check=True,
        capture_output=True,
        text=True,
        cwd=installed.folder,
        timeout=120,
    )
    return done.stdout


def node(installed: Any, launch: Any, folder: Path, *more: str) -> tuple[Any, str, str]:
    """A node on free ports; its program, its page and its admin address."""
    port = str(free_port())
    flags = ("--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--hosts", "127.0.0.1")
    running = launch(
        installed.meshnode, "run", *flags, "--port", port, "--data", folder, *more
    )
    page = running.until(r"page\s+(http\S+)/$")[1]
    admin = running.until(r"admin\s+http://(\S+)")[1]
    return running, page, admin


def test_two_nodes_by_readmes_words(
    installed: Any, launch: Any, tmp_path: Path
) -> None:
    (installed.folder / "deny.list").write_text("stream spam\n")
    first, page, admin = node(installed, launch, tmp_path / "1")
    join = first.until(r"next node\s+meshnode run --bootstrap (\S+)")[1]
    (lend,) = [c for c in commands("Lend an uplink") if "--max-upload" in c]
    limits = lend[lend.index("--max-upload") :]
    _, other_page, other = node(
        installed, launch, tmp_path / "2", "--bootstrap", join, *limits
    )
    publisher = launch(installed.meshnode, "publish", "--test", f"{page}/demo", *SIZE)
    publisher.until("publishing to")
    played = asked(installed, "play", f"{other_page}/demo", "--duration", "4")
    assert int(re.search(r"played (\d+) frames", played)[1]) > 10  # type: ignore[index]
    told = {
        command[1]: asked(installed, *command[1:], "--admin", other)
        for command in commands("See the mesh")
    }
    assert set(told) == {"peers", "routes", "streams", "trace"}
    assert "neighbours 1" in told["peers"]
    assert re.search(r"^demo\s+vp8 opus", told["streams"], re.MULTILINE)
    assert told["trace"].startswith("demo: ")
    status = asked(installed, "status", "--admin", other)
    assert "--max-upload = 20000000" in status
    assert "--max-upload-month = 500000000000" in status
    assert "--deny, lines = 1" in status
    assert "published at this node" in asked(
        installed, "trace", "demo", "--admin", admin
    )


def test_every_flag_that_readme_names_is_a_flag(installed: Any) -> None:
    known = asked(installed, "run", "--help") + asked(installed, "play", "--help")
    for title in ("Join the mesh", "See the mesh", "Lend an uplink"):
        for flag in set(re.findall(r"--[a-z-]+", section(title))) - {"--json"}:
            assert re.search(rf"{flag}\b", known), flag
