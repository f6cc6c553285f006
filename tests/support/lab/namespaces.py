"""Network namespaces: made, entered by one thread, and gone whatever happened.

Names hold the process that made them, so that a laboratory whose process crashed is
swept away by the next one: `sweep` ends what still runs in such namespaces and deletes
them.  `inside` moves only the calling thread; a socket keeps the namespace in which it
was made, wherever it is used later.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

SBIN = "/usr/sbin:/sbin:"
PREFIX = "mnlab"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
FOLDER = Path("/run/netns")
_NAME = re.compile(rf"{PREFIX}(\d+)x\d+-.*")
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def require_root() -> None:
    """Skip where namespaces cannot be made."""
    import pytest  # the wire's process, which imports this module, needs none

    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")


def sh(command: str) -> str:
    """Run one command line to its end; its output, or `RuntimeError` with its words."""
    environment = {**os.environ, "PATH": SBIN + os.environ["PATH"]}
    done = subprocess.run(
        command,
        shell=True,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def fresh_prefix() -> str:
    """The beginning of the names of one laboratory's namespaces."""
    return f"{PREFIX}{os.getpid()}x{next(_numbers)}-"


def enter(descriptor: int) -> None:
    """Move the calling thread into a namespace.  Raises `OSError`."""
    if _libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """The calling thread is in `namespace`; never await in here."""
    if not namespace:
        yield
        return
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        there = os.open(FOLDER / namespace, os.O_RDONLY)
        try:
            enter(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            enter(here)
    finally:
        os.close(here)


def make(namespace: str) -> None:
    """A namespace with nothing but its loopback device."""
    sh(f"ip netns add {namespace} && ip -n {namespace} link set lo up")


def remove(namespace: str) -> None:
    """End every process in the namespace and delete it; absent is fine."""
    if not (FOLDER / namespace).exists():
        return
    with contextlib.suppress(RuntimeError):
        for pid in sh(f"ip netns pids {namespace}").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(RuntimeError):
        sh(f"ip netns del {namespace}")


def ours() -> list[str]:
    """Namespaces of this process's laboratories."""
    return [name for name, pid in _found() if pid == os.getpid()]


def sweep() -> list[str]:
    """Remove what laboratories of dead processes left; the names."""
    left = [name for name, pid in _found() if not Path(f"/proc/{pid}").exists()]
    for name in left:
        remove(name)
    return left


def _found() -> list[tuple[str, int]]:
    names = [path.name for path in FOLDER.iterdir()] if FOLDER.exists() else []
    matches = [(name, _NAME.fullmatch(name)) for name in names]
    return [(name, int(match[1])) for name, match in matches if match]


def die_with_parent() -> None:
    """For `preexec_fn`: the child is killed when the thread that made it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
