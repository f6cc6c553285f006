"""The work of `meshnode demo`: processes, their addresses and the delays between them.

Nodes are processes, not objects in one loop: five Python planes in one process would
share one core and measure each other.  The delays are held back by the sender of each
(`Settings.delays`), so the nodes measure and route as they would between the cities.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meshnode.cli.terminal import say, tell
from meshproto.errors import StateError

CITIES = ("Frankfurt", "London", "New York", "San Francisco", "Tokyo")
ONE_WAY_MS = {
    (0, 1): 7,
    (0, 2): 41,
    (0, 3): 74,
    (0, 4): 118,
    (1, 2): 35,
    (1, 3): 68,
    (1, 4): 112,
    (2, 3): 32,
    (2, 4): 82,
    (3, 4): 53,
}
"""Roughly what the Internet has between them, one way."""

PORT, HTTP_PORT, ADMIN_PORT = 5050, 8090, 8091
"""Beside the defaults, so that a node of one's own goes on running."""
STREAM = "demo"
RELAYS_MAX = 2
START_S = 60.0
STOP_S = 12.0
LOOK_S = 0.2
LOG_LINES = 5
COMMAND = (sys.executable, "-m", "meshnode.cli.main")


def address(number: int) -> str:
    """The loopback address of a node; all of 127/8 is this machine on Linux."""
    return f"127.1.0.{number + 1}"


def delays(number: int, count: int, scale: float) -> str:
    """What `MESHNODE_DELAYS` says for a node."""
    pairs = []
    for other in range(count):
        if other != number:
            near, far = sorted((number, other))
            pairs.append(f"{address(other)}={ONE_WAY_MS[near, far] * scale:g}")
    return " ".join(pairs)


@dataclass(slots=True)
class Member:
    """A process of the demonstration."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise `StateError` when it has ended by itself."""
        if self.process.poll() is None:
            return
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        raise StateError(f"{self.name} ended: {' / '.join(lines) or 'no word'}")


def run_demo(count: int, scale: float, duration_s: float | None, *, opens: bool) -> int:
    """Run until Ctrl-C, SIGTERM or the time is up.  Raises `StateError`."""
    _check_addresses(count)
    with tempfile.TemporaryDirectory(prefix="meshnode-demo-") as folder:
        running: list[Member] = []
        try:
            with _stopped() as stopped:
                for member in _started(count, scale, Path(folder), running):
                    tell(f"started {member.name}")
                    if stopped:
                        return 0
                _announce(count, opens=opens)
                _wait(running, duration_s, stopped)
        finally:
            _stop(running)
    return 0


def _check_addresses(count: int) -> None:
    for number in range(count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address(number), PORT))
            except OSError as error:
                raise StateError(
                    f"{address(number)} port {PORT} cannot be used ({error.strerror});"
                    " is another demo running? On macOS each address needs"
                    f" sudo ifconfig lo0 alias {address(number)}"
                ) from None


def _started(
    count: int, scale: float, folder: Path, running: list[Member]
) -> Iterator[Member]:
    """Start the nodes, the first one first, then the publisher."""
    for number in range(count):
        running.append(_node(number, count, scale, folder))
        if number == 0:
            _wait_ready(running[0], number)
            yield running[0]
    for number, member in enumerate(running[1:], 1):
        _wait_ready(member, number)
        yield member
    running.append(_publisher(folder))
    yield running[-1]


def _node(number: int, count: int, scale: float, folder: Path) -> Member:
    host, data = address(number), folder / str(number)
    arguments = ["run", "--hosts", host, "--port", str(PORT), "--data", str(data)]
    arguments += ["--http", f"{host}:{HTTP_PORT}", "--admin", f"{host}:{ADMIN_PORT}"]
    arguments += ["--operator", CITIES[number], "--log-level", "warning"]
    # why: with as many copies as a tree allows there would be no second hop to see
    arguments += ["--max-relays", str(RELAYS_MAX)]
    if number:
        arguments += ["--bootstrap", f"{address(0)}:{PORT}"]
    return _spawn(
        CITIES[number], arguments, folder, MESHNODE_DELAYS=delays(number, count, scale)
    )


def _publisher(folder: Path) -> Member:
    target = f"http://{address(0)}:{HTTP_PORT}/{STREAM}"
    arguments = ["publish", "--test", target, "--size", "640x360"]
    return _spawn("the test picture", arguments, folder)


def _spawn(name: str, arguments: list[str], folder: Path, **more: str) -> Member:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MESHNODE_")}
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**kept, "XDG_DATA_HOME": str(folder), **more},
            # why: Ctrl-C is for us, who end the others in order
            start_new_session=True,
        )
    return Member(name, process, log)


def _wait_ready(member: Member, number: int) -> None:
    url = f"http://{address(number)}:{ADMIN_PORT}/readyz"
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        member.check()
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(LOOK_S)
    raise StateError(f"{member.name} did not start within {START_S:.0f} s")


def _announce(count: int, *, opens: bool) -> None:
    last = count - 1
    watch = f"http://{address(last)}:{HTTP_PORT}/#watch={STREAM}"
    look = f"http://{address(last)}:{ADMIN_PORT}/#stream={STREAM}"
    say(f"a mesh of {count} nodes is running; Ctrl-C ends it")
    say()
    for number in range(count):
        pages = f"http://{address(number)}:{HTTP_PORT}/"
        say(f"  {CITIES[number]:<14}{pages:<28}admin {address(number)}:{ADMIN_PORT}")
    say()
    say(f"  watch  {watch}")
    say(f"  map    {look}")
    say(f"  trace  meshnode trace {STREAM} --admin {address(last)}:{ADMIN_PORT}")
    if opens and sys.stdout.isatty():
        for url in (look, watch):
            webbrowser.open(url)


def _wait(running: list[Member], duration_s: float | None, stopped: list[int]) -> None:
    end = None if duration_s is None else time.monotonic() + duration_s
    while not stopped and (end is None or time.monotonic() < end):
        for member in running:
            member.check()
        time.sleep(LOOK_S)


def _stop(running: list[Member]) -> None:
    """End everything, publisher first; who does not go is killed."""
    for member in reversed(running):
        if member.process.poll() is None:
            member.process.terminate()
    for member in reversed(running):
        try:
            member.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            member.process.kill()
            member.process.wait()


@contextlib.contextmanager
def _stopped() -> Iterator[list[int]]:
    """A list that is not empty any more once somebody wants us to stop."""
    seen: list[int] = []
    before = {
        number: signal.signal(number, lambda n, _frame: seen.append(n))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
