"""What `deploy/` says about the program is true: flags, ports, folders, limits.

Nothing here starts a container: the files are read, and compared with the command line
and with each other.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshnode.cli.flags import RunFlags
from meshnode.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
EXPOSURE_MAX = "20"
"""Tenths, by `systemd-analyze security`; 20 is "OK", the usual service has 96."""

ADMIN = "127.0.0.1:9000"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")


def unit() -> list[tuple[str, str]]:
    lines = (DEPLOY / "meshnode.service").read_text().splitlines()
    kept = [line for line in lines if "=" in line and not line.startswith("#")]
    return [(name, value) for name, _, value in (line.partition("=") for line in kept)]


def flags_of(words: list[str]) -> dict[str, str]:
    """`--flag value` pairs; a word that belongs to none is a mistake."""
    assert len(words) % 2 == 0, words
    return dict(zip(words[::2], words[1::2], strict=True))


def known_flags() -> set[str]:
    return {f"--{field.name.replace('_', '-')}" for field in fields(RunFlags)}


def command_lines() -> dict[str, list[str]]:
    """Every command line of ours that stands in `deploy/`, without the program."""
    services = compose()["services"]
    found = {
        name: shlex.split(service["command"]) for name, service in services.items()
    }
    (inside,) = re.findall(r"^CMD (\[.*\])$", dockerfile(), re.MULTILINE)
    found["Dockerfile"] = yaml.safe_load(inside)
    found["unit"] = shlex.split(dict(unit())["ExecStart"])[1:]
    return found


@pytest.mark.parametrize("where", list(command_lines()))
def test_every_flag_exists(where: str) -> None:
    assert not set(flags_of(command_lines()[where])) - known_flags()


def test_every_setting_in_the_units_example_exists() -> None:
    text = (DEPLOY / "meshnode.service").read_text()
    named = re.findall(r"MESHNODE_(\w+)=", text)
    assert named
    assert not {name.lower() for name in named} - set(Settings.model_fields)


def test_compose_is_a_mesh_of_five() -> None:
    services = compose()["services"]
    assert len(services) == 5
    first, *others = services
    media = flags_of(command_lines()[first])["--port"]
    assert "--bootstrap" not in command_lines()[first]
    for name in others:
        assert flags_of(command_lines()[name])["--bootstrap"] == f"{first}:{media}"
        assert first in services[name]["depends_on"]


def test_compose_publishes_the_ports_that_the_nodes_use() -> None:
    taken: list[str] = []
    for name, service in compose()["services"].items():
        flags = flags_of(command_lines()[name])
        media, page = flags["--port"], flags["--http"].rpartition(":")[2]
        wanted = [
            f"127.0.0.1:{media}:{media}/udp",
            f"127.0.0.1:{page}:{page}/tcp",
        ]
        assert service["ports"] == wanted
        taken += wanted
    assert len(set(taken)) == len(taken)


def test_compose_keeps_each_nodes_folder_and_shows_no_secret() -> None:
    whole = compose()
    folders = []
    for name, service in whole["services"].items():
        flags = flags_of(command_lines()[name])
        volume, _, folder = service["volumes"][0].partition(":")
        assert volume in whole["volumes"]
        assert folder == flags["--data"]
        assert flags["--publish-key-file"] == "/run/secrets/publish_key"
        assert service["secrets"] == ["publish_key"]
        assert "environment" not in service
        folders.append(volume)
    assert len(set(folders)) == len(folders)
    assert set(whole["secrets"]) == {"publish_key"}


def test_the_image_is_checked_where_its_nodes_answer() -> None:
    asked = re.search(r"http://([\d.:]+)/readyz", dockerfile())
    assert asked
    assert asked[1] == ADMIN
    for where in ("Dockerfile", *compose()["services"]):
        assert flags_of(command_lines()[where])["--admin"] == ADMIN


def test_the_image_copies_what_a_build_needs_and_nothing_else() -> None:
    copied = set()
    for words in re.findall(r"^COPY (?!--from)(.*)$", dockerfile(), re.MULTILINE):
        copied |= set(words.split()[:-1])
    assert all((ROOT / name).exists() for name in copied)
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert {line[1:] for line in ignore if line.startswith("!")} == copied
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["package-dir"].values()
    assert {path.partition("/")[0] for path in packages} <= copied


def test_the_image_runs_as_somebody_without_rights() -> None:
    assert re.search(r"^USER meshnode$", dockerfile(), re.MULTILINE)
    asked = project_python()
    for version in re.findall(r"^FROM python:(\d+\.\d+)", dockerfile(), re.MULTILINE):
        assert tuple(map(int, version.split("."))) >= asked


def project_python() -> tuple[int, ...]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return tuple(map(int, project["requires-python"].lstrip(">=").split(".")))


def test_the_unit_gives_the_folder_it_names() -> None:
    settings = dict(unit())
    flags = flags_of(command_lines()["unit"])
    assert flags["--data"] == f"/var/lib/{settings['StateDirectory']}"
    assert settings["DynamicUser"] == settings["NoNewPrivileges"] == "yes"
    assert int(settings["TimeoutStopSec"]) > 10  # the drain


@pytest.fixture
def loadable(tmp_path: Path) -> Path:
    """The unit with a program that exists here."""
    text = (DEPLOY / "meshnode.service").read_text()
    path = tmp_path / "meshnode.service"
    path.write_text(text.replace("/opt/meshnode/bin/meshnode", sys.executable))
    return path


def analyse(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def test_systemd_accepts_the_unit(loadable: Path) -> None:
    done = analyse("verify", str(loadable))
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_the_unit_hardened(loadable: Path) -> None:
    done = analyse(
        "security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", str(loadable)
    )
    assert done.returncode == 0, done.stdout[-300:]
