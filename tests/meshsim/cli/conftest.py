"""The command as people call it, with a drawn run in place of the mesh."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from meshsim.cli.main import main
from meshsim.pool import run_all
from support import synthetic
from support.work import synthetic_work


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def meshsim(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Call:
    """Calls the command in a folder of its own."""
    monkeypatch.setitem(sys.modules, "meshsim.run", synthetic)
    monkeypatch.setattr(
        "meshsim.cli.sweep.run_all", partial(run_all, work=synthetic_work)
    )
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(
        'title = "Mine"\nnodes = 30\nduration_s = 700\n[brain]\nbroken = false\n',
        encoding="utf-8",
    )

    def call(*arguments: str) -> Answer:
        code = main(arguments)
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return call


def mistaken(answer: Answer, *said: str) -> None:
    """One sentence on standard error, exit code 2, nothing else."""
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("meshsim: ")
    for part in said:
        assert part in answer.err
