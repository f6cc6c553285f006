"""The walls of the house, held by reading the sources (CONTRIBUTING, "House rules").

Linters hold most rules; what is left is here: length of files and functions, head
essays, purity of meshproto, references to our own RFCs, and a test for every module.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "meshproto": ROOT / "protocol/meshproto",
    "meshnode": ROOT / "meshnode",
    "meshsim": ROOT / "simulations/meshsim",
}
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
FUNCTION_LINES_USUAL = 35
FUNCTIONS_OVER_USUAL_MAX = 0.1
PURE_IMPORTS = {
    *("__future__", "base64", "bisect", "collections", "dataclasses", "enum", "zlib"),
    *("functools", "hashlib", "heapq", "hmac", "ipaddress", "itertools", "math"),
    *("operator",),
    *("msgpack", "re", "struct", "typing", "meshproto"),
}
RFC_REFERENCE = re.compile(r"RFC (0\d{3})(?:\s+section\s+(\d+(?:\.\d+)*))?")


def sources(*packages: str) -> Iterator[Path]:
    for package in packages or PACKAGES:
        yield from sorted(PACKAGES[package].rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code without the docstring: explaining more must never cost."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_source_file_is_longer_than_the_cap() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.py", "*.js", "*.mjs", "*.go", "*.rs", "*.sh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    long = {
        path: lines
        for path in tracked
        if (ROOT / path).exists()
        and (lines := len((ROOT / path).read_text().splitlines())) > FILE_LINES_MAX
    }
    assert not long


def test_no_function_is_longer_than_the_cap() -> None:
    long = [
        f"{name(path)}:{function.lineno} {function.name} {length(function)}"
        for path in sources()
        for function in functions(path)
        if length(function) > FUNCTION_LINES_MAX
    ]
    assert not long


def test_nine_functions_in_ten_are_short() -> None:
    lengths = [length(f) for path in sources() for f in functions(path)]
    over = sum(lines > FUNCTION_LINES_USUAL for lines in lengths)
    assert over <= FUNCTIONS_OVER_USUAL_MAX * len(lengths)


def test_every_module_opens_with_an_essay_and_future_annotations() -> None:
    bare = [name(p) for p in sources() if not ast.get_docstring(tree(p))]
    assert not bare
    code = [p for p in sources() if len(tree(p).body) > 1 and p.name != "__init__.py"]
    old = [
        name(p)
        for p in code
        if "from __future__ import annotations" not in p.read_text()
    ]
    assert not old


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_meshproto_imports_nothing_that_touches_the_world() -> None:
    impure = [
        f"{name(path)} imports {module}"
        for path in sources("meshproto")
        for module in imported(path)
        if module not in PURE_IMPORTS
    ]
    assert not impure


def test_meshproto_and_meshsim_have_no_coroutines() -> None:
    coroutines = [
        f"{name(path)}:{function.lineno}"
        for path in sources("meshproto", "meshsim")
        for function in functions(path)
        if isinstance(function, ast.AsyncFunctionDef)
    ]
    assert not coroutines


@cache
def sections(number: str) -> frozenset[str] | None:
    """The section numbers of one of our RFCs; None where there is no such document."""
    found = list((ROOT / "rfcs").glob(f"{number}-*.md"))
    if not found:
        return None
    headings = re.findall(
        r"^#+ (\d+(?:\.\d+)*)[. ]", found[0].read_text(), re.MULTILINE
    )
    return frozenset(headings)


def dangling(path: Path) -> Iterator[str]:
    text = re.sub(r"\s+#?\s*", " ", path.read_text(encoding="utf-8"))
    for number, section in RFC_REFERENCE.findall(text):
        known = sections(number)
        if known is None or (section and section not in known):
            yield f"{name(path)}: RFC {number} section {section or '-'}"


def test_references_to_our_rfcs_resolve() -> None:
    everywhere = [*sources(), *(ROOT / "rfcs").glob("*.md"), ROOT / "README.md"]
    assert not [line for path in everywhere for line in dangling(path)]


def test_links_of_our_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "rfcs").glob("*.md")]
    dead = [
        (name(path), target)
        for path in documents
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert not dead


@pytest.mark.parametrize("package", ["meshproto", "meshsim"])
def test_every_module_has_a_test_module(package: str) -> None:
    missing = []
    for path in sources(package):
        if path.name == "__init__.py" or not any(functions(path)):
            continue
        inside = path.relative_to(PACKAGES[package])
        wanted = ROOT / "tests" / package / inside.parent / f"test_{inside.name}"
        if not wanted.exists():
            missing.append(name(wanted))
    assert not missing


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_no_unfinished_work_is_left_in_the_code(word: str) -> None:
    marked = [name(p) for p in sources() if re.search(rf"\b{word}\b", p.read_text())]
    assert not marked
