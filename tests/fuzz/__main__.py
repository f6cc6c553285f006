"""Coverage-guided fuzzing of every parser: `make fuzz`, or ARGS="rtcp --seconds 60".

Each target runs in a process of its own under atheris, started from the public corpora,
as many at once as there are cores.  What is printed is what ran: executions, how far
coverage grew, and the input that broke it, kept in `.fuzz/TARGET/`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # targets share `support` with the tests
SHARED = Path(os.environ.get("MESHNODE_SHARED", ROOT.parent / "shared"))
WORK = ROOT / ".fuzz"
SEED_BYTES_MAX = 65536
STUCK_S = 30
"""Wall time for one input: a busy machine may let a process wait for 5 s."""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", help="all of them by default")
    parser.add_argument("--seconds", type=int, default=600, help="per target")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def child(name: str, seconds: int) -> None:
    """Fuzz one target in this process."""
    import atheris

    with atheris.instrument_imports(include=["meshproto", "meshnode.media"]):
        from tests.fuzz.targets import ALLOWED, TARGETS

    run = TARGETS[name].run

    def once(data: bytes) -> None:
        try:
            run(data)
        except ALLOWED:
            return

    corpus = WORK / name / "corpus"
    options = [
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
        f"-timeout={STUCK_S}",
    ]
    options += [f"-max_len={SEED_BYTES_MAX}", f"-artifact_prefix={WORK / name}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], once)
    atheris.Fuzz()


def seed(name: str, kinds: tuple[str, ...]) -> int:
    """Lay out the public inputs of a target; how many there are."""
    corpus = WORK / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    count = 0
    for kind in kinds:
        for archive in sorted((SHARED / "corpora/bad" / kind).glob("*.zip")):
            with zipfile.ZipFile(archive) as members:
                for member in members.namelist():
                    (corpus / f"bad-{count}").write_bytes(members.read(member))
                    count += 1
    if "sdp" in kinds:
        for path in sorted((SHARED / "corpora/sdp").glob("*.sdp")):
            (corpus / path.name).write_bytes(path.read_bytes())
            count += 1
    if "gossip" in kinds and (rpcs := SHARED / "corpora/gossip/rpc.json").exists():
        for entry in json.loads(rpcs.read_text())["entries"]:
            for text in entry["input"].values():
                if isinstance(text, str) and re.fullmatch("([0-9a-f]{2})*", text):
                    (corpus / f"rpc-{count}").write_bytes(bytes.fromhex(text))
                    count += 1
    return count


def fuzz(name: str, seconds: int) -> bool:
    """Run one target in a process and print its line; whether it held."""
    from tests.fuzz.targets import TARGETS

    seeds = seed(name, TARGETS[name].seeds)
    command = [sys.executable, "-m", "tests.fuzz", name, "--child"]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    text = done.stdout + done.stderr
    executions = re.findall(r"number_of_executed_units:\s*(\d+)", text)
    coverage = re.findall(r"cov: (\d+)", text) or ["?"]
    held = done.returncode == 0 and bool(executions)
    print(
        f"{name:12} {seeds:5} seeds {executions[-1] if executions else '?':>10} runs"
        f"  coverage {coverage[0]} -> {coverage[-1]}  {'ok' if held else 'BROKEN'}",
        flush=True,
    )
    if not held:
        print("\n".join(text.splitlines()[-40:]), flush=True)
    return held


def main() -> int:
    """All targets asked for, side by side; 1 when one broke."""
    options = arguments()
    if options.child:
        child(options.targets[0], options.seconds)
        return 0
    from tests.fuzz.targets import TARGETS

    names = options.targets or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        print(f"no target {unknown[0]}; there are: {' '.join(TARGETS)}")
        return 2
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        held = list(pool.map(lambda name: fuzz(name, options.seconds), names))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
