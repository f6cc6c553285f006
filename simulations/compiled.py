"""Make a copy of the brain and the simulator that mypyc has compiled.

    python simulations/compiled.py DIR
    PYTHONPATH=DIR python -m meshsim.cli.main run settled

The sources are the same and so are the runs: equal seeds give equal hashes, compiled or
not.  A run costs about two thirds; building takes three minutes of a core and needs a C
compiler.  Nothing but long runs wants this, so nothing else knows of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = {"meshproto": HERE.parent / "protocol", "meshsim": HERE}

COMPILED = (
    "meshproto/*.py",
    *(
        f"meshproto/{name}/*.py"
        for name in ("node", "link", "overlay", "routing", "distribution")
    ),
    "meshproto/wire/control/frame.py",
    "meshsim/*.py",
)
PLAIN = frozenset(
    {
        # they look at annotations or make classes while they run
        *("values", "scenario", "workload", "faults", "observation", "jobs", "pool"),
        # they run once, or not in a run at all
        *("ancestor", "ancestor_run", "draft", "routing_net", "comparison", "space"),
        *("storm", "storms", "tree_storm", "topology", "oracle", "oracle_tree"),
        *("violation", "figures", "population", "world", "run", "errors", "__init__"),
    }
)

SETUP = """
from setuptools import setup
from mypyc.build import mypycify
setup(name="compiled", ext_modules=mypycify(
    [*{modules!r}, "--ignore-missing-imports"], opt_level="2", debug_level="0"))
"""


def copy(target: Path) -> None:
    """The sources; classes of mypyc have slots by nature and must not be told so."""
    for name, home in SOURCES.items():
        shutil.rmtree(target / name, ignore_errors=True)
        ignore = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(home / name, target / name, ignore=ignore)
    for path in target.glob("mesh*/**/*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            re.sub(r"@dataclass\((frozen=True)?,? ?slots=True\)", _decorator, text),
            encoding="utf-8",
        )


def _decorator(found: re.Match[str]) -> str:
    return f"@dataclass({found[1] or ''})"


def modules(target: Path) -> list[str]:
    """The files that are worth compiling, by their place in the copy."""
    found = [path for pattern in COMPILED for path in sorted(target.glob(pattern))]
    return [str(path.relative_to(target)) for path in found if path.stem not in PLAIN]


def compile_in(target: Path) -> None:
    """Compile what is in the copy, beside the sources."""
    script = target / "setup.py"
    script.write_text(SETUP.format(modules=modules(target)), encoding="utf-8")
    # why by the path: mypyc reads the copy, not the packages that are installed
    environment = {**os.environ, "MYPYPATH": str(target)}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    subprocess.run(command, cwd=target, env=environment, check=True)  # noqa: S603


def main() -> None:
    """Copy and compile into the directory that is given."""
    target = Path(sys.argv[1]).resolve()
    target.mkdir(parents=True, exist_ok=True)
    copy(target)
    sys.path[:0] = [str(home) for home in SOURCES.values()]
    from meshsim.report.build import code  # noqa: PLC0415 - of these very sources

    (target / "meshsim" / "CODE").write_text(code(), encoding="ascii")
    compile_in(target)


if __name__ == "__main__":
    main()
