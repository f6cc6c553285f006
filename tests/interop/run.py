"""`make interop`: every client against one real node, 10 s of real media a cell.

A row is one publisher run, played by all players at once: sixteen rows take minutes,
a hundred pairs would take an hour.  Node, publisher and players live in namespaces of
their own, as Firefox needs; without root they share this host and Firefox is said to
fail.  A cell is a number of decoded frames, `no CODEC` (the client lacks it), `not
installed`, or `fails` with the reason below the table; it is never missing.  Who fails
in the crowd is tried once more alone, and the cell then says `2nd`: two cores carry a
dozen codecs here, and a starved client is no fault of the node.

    run.py [--publisher NAMES] [--player NAMES] [--seconds 10]

Names may be parts, and several with commas between them.  MESHNODE_PLANE names the
packet path of the node, which is told and must be the one asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from interop.programs import (  # noqa: E402
    EVERY,
    INSTALLED,
    PLAYERS,
    ROOT,
    RUNS,
    Client,
    Run,
)
from support.lab.switch import Switched  # noqa: E402
from support.node import KEY, RunningNode, running_node  # noqa: E402

LIVE_DEADLINE_S = 60.0
PLAY_DEADLINE_S = 75.0
STOP_DEADLINE_S = 12.0
FRAMES_PER_SECOND_MIN = 15.0
CLIENTS_MIN = 6
LINES_KEPT = 12

Beside = Callable[[str], Sequence[str]]


@dataclass
class Cell:
    """What became of one publisher with one player."""

    publisher: str
    player: str
    verdict: str  # "ok", "fails", "no codec" or "not installed"
    frames: int = 0
    audio: int = 0
    first_frame_s: float = 0.0
    note: str = ""
    tries: int = 1

    @property
    def text(self) -> str:
        """The cell as the table shows it."""
        if self.verdict != "ok":
            return self.verdict
        return f"{self.frames}{' (2nd)' if self.tries > 1 else ''}"


def words(client: Client, action: str, url: str, run: Run) -> list[str]:
    options = ["--codec", run.codec]
    if action == "publish":
        options += ["--key", KEY, *(["--simulcast"] if run.simulcast else [])]
    return [*client.command, action, url, *options]


@contextlib.asynccontextmanager
async def started(
    beside: Sequence[str], client: Client, command: list[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A client's process; told to stop by closing its input, then made to."""
    process = await asyncio.create_subprocess_exec(
        *(*beside, *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=client.environment(),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), STOP_DEADLINE_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, 9)  # also what a client left behind
    await process.wait()


async def last_words(process: asyncio.subprocess.Process) -> str:
    """The end of what a failed client wrote to its error output."""
    assert process.stderr is not None
    try:
        text = await asyncio.wait_for(process.stderr.read(), 3)
    except TimeoutError:
        return "no answer"
    lines = text.decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-LINES_KEPT:])


async def play(
    run: Run, client: Client, url: str, beside: Beside, seconds: float
) -> Cell:
    """One player's cell."""
    cell = Cell(run.title, client.name, "fails")
    command = [*words(client, "play", url, run), "--seconds", str(seconds)]
    async with started(beside("play"), client, command) as process:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), PLAY_DEADLINE_S)
        except TimeoutError:
            cell.note = f"nothing within {PLAY_DEADLINE_S:.0f} s"
            return cell
        if not line:
            cell.note = await last_words(process)
            return cell
    result = json.loads(line)
    cell.frames, cell.audio = result["frames"], result["audio"]
    cell.first_frame_s, cell.note = result["first_frame_s"], result["note"]
    if cell.frames < FRAMES_PER_SECOND_MIN * seconds:
        cell.note = f"only {cell.frames} frames; {cell.note}"
    elif not cell.audio:
        cell.note = f"{cell.frames} frames, no audio"
    else:
        cell.verdict = "ok"
    return cell


def beforehand(run: Run, client: Client, beside: Beside) -> Cell | None:
    """The cell, where it is known without a try."""
    cell = Cell(run.title, client.name, "not installed")
    absent = [c.name for c in (run.client, client) if not c.there()]
    if absent:
        cell.note = f"no {' and no '.join(absent)}"
        return cell
    if run.codec not in client.plays:
        cell.verdict = "no codec"
        return cell
    if not beside("play") and (run.client.needs_namespace or client.needs_namespace):
        cell.verdict, cell.note = "fails", "Firefox needs a network namespace (root)"
        return cell
    return None


async def row(
    run: Run,
    players: Sequence[Client],
    node: RunningNode,
    beside: Beside,
    seconds: float,
) -> list[Cell]:
    """One publisher, all players at once."""
    cells = {client.name: beforehand(run, client, beside) for client in players}
    waiting = [client for client in players if cells[client.name] is None]
    if not waiting:
        return [cell for cell in cells.values() if cell]
    stream = run.title.lower().replace(" ", "-")
    command = words(run.client, "publish", node.whip(stream), run)
    async with started(beside("pub"), run.client, command) as publisher:
        if reason := await not_live(publisher):
            for client in waiting:
                note = f"publisher: {reason}"
                cells[client.name] = Cell(run.title, client.name, "fails", note=note)
        else:
            url = node.whep(stream)
            for cell in await crowd(run, waiting, url, beside, seconds):
                cells[cell.player] = cell
    return [cell for cell in cells.values() if cell]


async def crowd(
    run: Run, players: Sequence[Client], url: str, beside: Beside, seconds: float
) -> list[Cell]:
    """All at once; who fails in the crowd gets a second try alone, and it is said."""
    jobs = (play(run, client, url, beside, seconds) for client in players)
    cells = list(await asyncio.gather(*jobs))
    for index, client in enumerate(players):
        first = cells[index]
        if first.verdict == "fails":
            cells[index] = again = await play(run, client, url, beside, seconds)
            again.tries = 2
            again.note = f"{again.note}\nfirst try: {first.note}"
    return cells


async def not_live(publisher: asyncio.subprocess.Process) -> str:
    """Wait until the publisher is live; else why it is not."""
    assert publisher.stdout is not None
    try:
        line = await asyncio.wait_for(publisher.stdout.readline(), LIVE_DEADLINE_S)
    except TimeoutError:
        return f"not live within {LIVE_DEADLINE_S:.0f} s"
    return "" if line.startswith(b"live") else await last_words(publisher)


@contextlib.contextmanager
def place() -> Iterator[tuple[RunningNode, Beside]]:
    """A node, and how to run a command beside it, on hosts of their own if possible."""
    if os.geteuid() != 0:
        with running_node() as node:
            yield node, lambda _name: ()
        return
    with Switched(["node", "pub", "play"]) as lab:
        http = f"{lab.address('node')}:8080"
        with running_node(http=http, beside=lab.run("node")) as node:
            yield node, lab.run


def table(runs: Sequence[Run], players: Sequence[Client], cells: list[Cell]) -> str:
    """The matrix in Markdown: decoded frames, or what stands against them."""
    found = {(cell.publisher, cell.player): cell.text for cell in cells}
    head = ["published by", *(client.name for client in players)]
    rows = [[run.title, *(found[run.title, c.name] for c in players)] for run in runs]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines
    )


def chosen(text: str, everything: Sequence[Run] | Sequence[Client]) -> list[int]:
    names = [x.title if isinstance(x, Run) else x.name for x in everything]
    parts = text.lower().split(",")
    return [i for i, n in enumerate(names) if any(part in n.lower() for part in parts)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--publisher", default="", help="parts of rows' titles")
    parser.add_argument("--player", default="", help="parts of columns' titles")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path, default=INSTALLED / "results.json")
    return parser.parse_args()


async def matrix(
    runs: Sequence[Run], players: Sequence[Client], seconds: float
) -> list[Cell]:
    """All rows, one after the other."""
    cells: list[Cell] = []
    with place() as (node, beside):
        plane = node.plane()
        print(f"the node has the {plane} packet path", flush=True)
        assert os.environ.get("MESHNODE_PLANE", "auto") in ("auto", plane)
        for run in runs:
            began = time.monotonic()
            done = await row(run, players, node, beside, seconds)
            cells += done
            texts = ", ".join(f"{cell.player} {cell.text}" for cell in done)
            print(
                f"{time.monotonic() - began:5.1f} s  {run.title}: {texts}", flush=True
            )
    return cells


def summary(cells: list[Cell]) -> int:
    """Print what failed and the closing line; the exit status."""
    for cell in cells:
        if cell.verdict == "fails" or cell.tries > 1:
            print(f"\n{cell.text}: {cell.publisher} -> {cell.player}\n{cell.note}")
    count = {v: sum(cell.verdict == v for cell in cells) for v in ("ok", "fails")}
    installed = [client.name for client in EVERY if client.there()]
    print(f"\n{len(installed)} clients installed: {', '.join(installed)}")
    skipped = len(cells) - sum(count.values())
    print(f"interop: {count['ok']} passed, {count['fails']} failed, {skipped} skipped")
    return 1 if count["fails"] or len(installed) < CLIENTS_MIN else 0


def main() -> int:
    options = arguments()
    install = {**os.environ, "PYTHON": sys.executable}
    subprocess.run([HERE / "install.sh"], env=install, cwd=ROOT, check=False)
    runs = [RUNS[i] for i in chosen(options.publisher, RUNS)]
    players = [PLAYERS[i] for i in chosen(options.player, PLAYERS)]
    cells = asyncio.run(matrix(runs, players, options.seconds))
    options.json.write_text(json.dumps([asdict(cell) for cell in cells], indent=1))
    print(f"\nframes decoded in {options.seconds:.0f} s\n")
    print(table(runs, players, cells))
    return summary(cells)


if __name__ == "__main__":
    sys.exit(main())
