"""Take a rule away, and somebody must notice: the tests of the tests.

Each patch beside this file removes one rule from a copy of the tree and names what must
then fail.  The same commands must pass on the copy without the patch.  This runs the
commands of every patch twice, so it has a target of its own: `make mutations`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COPIED = ("protocol", "simulations", "tests", "meshnode", "rfcs", "pyproject.toml")
WANTED = "MESHNODE_MUTATIONS"
PATIENCE_S = 240.0

pytestmark = pytest.mark.skipif(
    not os.environ.get(WANTED), reason=f"make mutations sets {WANTED}"
)


def patches() -> list[Path]:
    return sorted(HERE.glob("*.patch"))


def commands(patch: Path) -> list[list[str]]:
    """What the patch says it is caught by."""
    mark = "Caught by: "
    lines = patch.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(mark).split() for line in lines if line.startswith(mark)]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree without history and caches."""
    ignore = shutil.ignore_patterns("__pycache__", ".hypothesis", "node_modules")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=ignore)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def run(command: list[str], where: Path) -> subprocess.CompletedProcess[str]:
    """The command with the sources of the copy, whatever is installed."""
    program, *rest = command
    module = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    words = [*module, *rest] if program == "pytest" else rest
    path = [str(where / name) for name in ("", "protocol", "simulations", "tests")]
    return subprocess.run(
        [sys.executable, *words],
        cwd=where,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), WANTED: ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def broke(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a test or a checker failed, rather than the command itself."""
    said = done.stdout
    noticed = " FAILURES " in said or "Counts(" in said
    return done.returncode == 1 and noticed and "ImportError" not in said


@pytest.mark.parametrize("patch", patches(), ids=lambda patch: patch.stem)
def test_a_rule_that_is_taken_away_is_missed(patch: Path, copy: Path) -> None:
    for command in commands(patch):
        done = run(command, copy)
        assert done.returncode == 0, f"{command} fails unpatched:\n{done.stdout}"
    subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
    for command in commands(patch):
        done = run(command, copy)
        assert broke(done), f"{command} does not notice:\n{done.stdout}{done.stderr}"


def test_the_rules_that_hold_loops_off_all_have_a_mutation() -> None:
    names = {patch.stem for patch in patches()}
    rules = {"feasibility", "path-refusal", "new-packet", "move-commit", "lease"}
    assert rules <= names
    assert all(commands(patch) for patch in patches())
