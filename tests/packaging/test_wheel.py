"""What is in the wheel, and that it stands on its own."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from meshnode import __version__

pytestmark = pytest.mark.timeout(1300)  # the first test builds and installs
ROOT = Path(__file__).resolve().parents[2]


def test_it_holds_the_packages_their_types_and_the_page(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "meshnode/py.typed",
        "meshproto/py.typed",
        "meshnode/web/index.html",
        "meshnode/web/js/elements.js",
        "meshsim/cli/main.py",
        "meshsim/report/assets/page.css",
        "meshsim/report/assets/story.js",
    ):
        assert needed in names
    page = {
        f"meshnode/web/{path.relative_to(ROOT / 'meshnode/web')}"
        for path in (ROOT / "meshnode/web").rglob("*")
        if path.is_file()
    }
    assert page <= set(names)
    tops = {name.split("/")[0] for name in names}
    info = f"meshnode-{__version__}.dist-info"
    assert tops == {"meshnode", "meshproto", "meshsim", info}


def test_every_dependency_is_bounded(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("/METADATA"))
        lines = archive.read(name).decode().splitlines()
    said = [
        line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist")
    ]
    needed = [Requirement(text) for text in said if "extra ==" not in text]
    assert needed
    operators = [{clause.operator for clause in each.specifier} for each in needed]
    assert all(found >= {">=", "<"} or found == {"=="} for found in operators)


def test_both_commands_run(installed: Any) -> None:
    run = {"capture_output": True, "text": True, "cwd": installed.folder}
    done = subprocess.run([installed.meshnode, "--version"], check=True, **run)
    assert done.stdout.strip() == __version__
    meshsim = installed.python.with_name("meshsim")
    done = subprocess.run([meshsim, "list"], check=True, **run)
    assert "line" in done.stdout


def test_nothing_comes_from_the_tree(installed: Any) -> None:
    code = "import meshnode, meshproto, meshsim, meshnode.node, meshnode.cli.checks\n"
    code += "print(meshnode.__file__, meshproto.__file__, meshsim.__file__)"
    done = subprocess.run(
        [installed.python, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=installed.folder,
    )
    assert str(ROOT) not in done.stdout
    assert done.stdout.count("site-packages") == 3
