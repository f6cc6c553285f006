"""The commands, and what a mistake looks like."""

from __future__ import annotations

import pytest

from meshsim.report.build import version

from .conftest import Call, mistaken


def test_help_names_every_command(meshsim: Call) -> None:
    answer = meshsim("--help")
    assert answer.code == 0
    for name in ("run", "compare", "replay", "list", "sweep"):
        assert name in answer.out


@pytest.mark.parametrize("command", ["", "run", "compare", "replay", "sweep"])
def test_help_fits_a_terminal_and_has_examples(meshsim: Call, command: str) -> None:
    answer = meshsim(*command.split(), "--help")
    examples = answer.out.split("Examples:\n\n")[1].splitlines()
    assert all(line.startswith(("  meshsim", "      ")) for line in examples if line)
    assert "--empty" not in answer.out


def test_it_tells_its_version(meshsim: Call) -> None:
    assert meshsim("--version").out.strip() == version()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rum", "line"), 'Did you mean "run"?'),
        (("run",), "scenario"),
        (("run", "nowhere"), "scenario 'nowhere' is unknown; known are"),
        (("run", "absent.toml"), "cannot read scenario absent.toml"),
        (("run", "mine.toml", "--nodes", "many"), "many"),
        (("run", "mine.toml", "--nodes", "1"), "nodes=1"),
        (("run", "mine.toml", "--seed", "x"), "seed 'x' is not a whole number"),
        (("run", "mine.toml", "--set", "nodes"), "'nodes' is not key=value"),
        (("run", "mine.toml", "--set", "paths.modell=x"), "paths.modell is unknown"),
        (("run", "mine.toml", "--json", "no/r.json"), "folder of no/r.json"),
        (("run", "mine.toml", "--html", "."), ". is a folder, not a file"),
        (("run", "mine.toml", "--frobnicate"), "--frobnicate"),
        (("run", "acceptance", "--resume"), "--resume needs --json"),
        (("compare", "a.json", "b.json"), "a.json"),
        (("replay", "absent.json"), "cannot read absent.json"),
        (("replay", "mine.toml"), "not JSON"),
        (("sweep", "mine.toml", "--over", "nodes"), "'nodes' is not key=a,b,c"),
        (("sweep", "mine.toml", "--seeds", "5..1"), "run backwards"),
        (("sweep", "mine.toml", "--over", "nodes=1,30"), "nodes=1 is not from 2"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(
    meshsim: Call, arguments: tuple[str, ...], said: str
) -> None:
    mistaken(meshsim(*arguments), said)
