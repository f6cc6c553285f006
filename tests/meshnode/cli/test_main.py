"""What the command line says to people, and how fast."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from types import ModuleType

import pytest

from meshnode import __version__
from meshnode.cli import main as cli
from meshnode.cli.flags import RunFlags, settings_from
from meshnode.config import Settings
from meshproto.errors import StateError
from support.effort import program_effort

Run = Callable[..., subprocess.CompletedProcess[str]]
Say = Callable[..., tuple[int, str, str]]
COMMANDS = ["run", *(module.__name__.rpartition(".")[2] for module in cli.COMMANDS)]


def test_every_setting_has_its_flag_and_every_flag_its_setting() -> None:
    flags = {field.name for field in fields(RunFlags)} - {"config", "limit"}
    settings = set(Settings.model_fields) - {"limits", "publish_key", "delays"}
    assert flags == settings


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(say: Say, command: str) -> None:
    code, said, _ = say(command, "--help")
    assert code == 0
    assert f"meshnode {command}" in said
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_breaks_lines_where_they_are_full(say: Say, command: str) -> None:
    _, said, _ = say(command, "--help")
    about = said.split("\n\n", 1)[1].split("\n╭", 1)[0]
    for paragraph in about.split("\n\n"):
        *full, _ = paragraph.strip().splitlines()
        assert all(len(line) > 60 for line in full), paragraph


@pytest.mark.parametrize("module", [cli, *cli.COMMANDS])
def test_no_example_is_wider_than_a_terminal(module: ModuleType) -> None:
    examples = getattr(module, "EXAMPLES", "")
    assert all(len(line) <= 80 for line in examples.splitlines())


def test_the_help_names_every_command_and_shows_examples(say: Say) -> None:
    _, said, _ = say("--help")
    assert all(f"│ {command} " in said for command in COMMANDS)
    assert "meshnode publish --test demo" in said
    assert "--publish-key " not in said


HEAVY = "{'aiohttp', 'aiortc', 'av', 'pydantic', 'meshnode.node'}"
HELP = f"""
import sys
from meshnode.cli.main import main
main(["--help"])
print(*{HEAVY} & set(sys.modules), file=sys.stderr)
"""


BUILT_WITH = "import cyclopts, rich.console, rich.table"
HELP_MAX = 3.5
"""Times the import of what the command line is built with (seen: 2.3)."""


def test_help_is_quick() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, text=True, check=True
    )
    assert done.stderr.split() == []
    assert program_effort(HELP, BUILT_WITH) < HELP_MAX


def test_the_version(say: Say) -> None:
    assert say("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prot", "1"], "Unknown option: --prot. Did you mean --port?"),
        (["publsh"], "'publsh' is no command; did you mean meshnode publish?"),
        (["zzz"], "'zzz' is no command"),
        (["--port"], "--port requires an argument"),
        (["--plane", "rust"], '"auto", "reference", "native"'),
        (["--port", "70000"], "--port is '70000' but should be less than or equal to"),
        (["--http", "8080"], "--http is '8080' but should be HOST:PORT"),
        (["--limit", "streams"], "--limit is 'streams' but should be NAME=NUMBER"),
        (
            ["--limit", "streams=x"],
            "--limit streams is 'x' but should be a valid integer",
        ),
        (["--limit", "stream=1"], "is no limit; did you mean streams?"),
        (["--config", "/absent"], "/absent: No such file or directory"),
        (["--publish-key", "x"], "Unknown option: --publish-key"),
        (["play"], "requires an argument"),
        (["play", "demo", "-o", "x.avi"], "x.avi should end in one of"),
        (["play", "demo", "--duration", "0"], "--duration is 0.0 but should be more"),
        (["play", "demo", "--duration", "nan"], "--duration is nan but should be more"),
        (["play", "demo", "--wait", "-1"], "--wait is -1.0 but should be 0 or more"),
        (["play", "demo", "-o", "no/x.mkv"], "no/x.mkv cannot be written: there is no"),
        (["record", "demo", "-o", "/"], "/ cannot be written: it is a folder"),
        (["record", "demo", "-o", "/no/x.mkv"], "there is no folder /no"),
        (["demo", "--duration", "0"], "--duration is 0.0 but should be more than 0"),
        (["run", "extra"], "'extra' is no command"),
        (["trace"], "try meshnode trace --help"),
        (["--data", ""], "--data is '' but should be a folder"),
        (["--data", "~nobody-here/x"], "should be a path; that user has no home here"),
        (["--tls-cert", "~nobody-here/x"], "should be a path; that user has no home"),
        (["publish", "demo"], "publish wants FILE URL/STREAM, or --test URL/STREAM"),
        (
            ["publish", "--test", "demo", "--size", "3x3"],
            "--size is '3x3' but should be",
        ),
        (["publish", "--test", "demo", "--rate", "0"], "--rate is 0 but should be"),
        (["publish", "--test", "ftp://h/x"], "ftp://h/x should be URL/STREAM"),
        (
            ["publish", "absent.mp4", "demo"],
            "absent.mp4 cannot be played: No such file",
        ),
        (["status", "--admin", "x"], "--admin is 'x' but should be HOST:PORT"),
        (
            ["status", "--admin", "127.0.0.1:1"],
            "no node answers at http://127.0.0.1:1/",
        ),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_2(
    say: Say, arguments: list[str], said: str
) -> None:
    code, output, errors = say(*arguments)
    assert said in errors
    assert (code, output) == (2, "")
    assert all(line.startswith("meshnode: ") for line in errors.splitlines())


def test_flags_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHNODE_PORT", "7000")
    monkeypatch.setenv("MESHNODE_HTTP", "127.0.0.1:7001")
    flags = RunFlags(port="6000", public_ip=("203.0.113.7",), limit=("streams=7",))
    settings = settings_from(flags)
    assert (settings.port, settings.http) == (6000, "127.0.0.1:7001")
    assert settings.public_ip == ("203.0.113.7",)
    assert settings.limits.streams == 7


def test_the_config_file_may_be_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    file = f"{tmp_path}/node.toml"
    with open(file, "w", encoding="utf-8") as stream:
        stream.write("port = 7002\n")
    monkeypatch.setenv("MESHNODE_CONFIG", file)
    assert settings_from(RunFlags()).port == 7002


def test_a_process_ends_with_that_code(meshnode: Run) -> None:
    done = meshnode("ports", "--port", "x")
    assert done.returncode == 2
    assert done.stderr == "meshnode: --port is 'x' but should be a valid integer\n"
    assert meshnode("ports").returncode == 0


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert cli.main([]) == 130


def test_limits_need_a_name() -> None:
    with pytest.raises(StateError, match="NAME=NUMBER"):
        settings_from(RunFlags(limit=("=5",)))
