"""Hosts on one machine: network namespaces joined by a switch, with loss and rate.

A `Lab` is a bridge in a namespace of its own ("the internet", leading nowhere) and one
namespace per host, each with an address, a default route (browsers gather no candidates
without one) and a loopback.  The kernel here has no netem: loss is nftables `numgen` on
the *receiving* side, rate is `tbf` on the switch's port towards the host.  Segmentation
offload is off on every link, or one drop would take a whole burst.  Needs root.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest

SBIN = "/usr/sbin:/sbin:"
GATEWAY = "10.77.0.254"
_numbers = itertools.count(1)


def require_root() -> None:
    """Skip where namespaces cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")


def sh(command: str) -> str:
    """Run one command line to its end; its output, or `CalledProcessError`."""
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


class Lab:
    """Namespaces `names`, each reachable from the others at `address(name)`."""

    def __init__(self, names: Sequence[str]) -> None:
        self.prefix = f"mn{os.getpid() % 100000}x{next(_numbers)}"
        self.names = list(names)
        self._scripts = tempfile.TemporaryDirectory(prefix="meshnode-lab-")

    def namespace(self, name: str) -> str:
        """The kernel's name of the host's namespace."""
        return f"{self.prefix}{name}"

    def address(self, name: str) -> str:
        """The host's IPv4 address in the lab."""
        return f"10.77.0.{self.names.index(name) + 1}"

    def __enter__(self) -> Lab:
        try:
            self._build()
        except BaseException:
            self._tear_down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tear_down()

    def _build(self) -> None:
        switch = self.namespace("sw")
        sh(f"ip netns add {switch}")
        sh(f"ip -n {switch} link add name sw0 type bridge")
        sh(f"ip -n {switch} addr add {GATEWAY}/24 dev sw0")
        sh(f"ip -n {switch} link set dev sw0 up")
        for name in self.names:
            self._join(switch, name)

    def _join(self, switch: str, name: str) -> None:
        host = self.namespace(name)
        sh(f"ip netns add {host}")
        sh(f"ip -n {host} link set lo up")
        port = f"p{self.names.index(name)}"
        sh(f"ip -n {switch} link add name {port} type veth peer name eth0 netns {host}")
        for where, device in ((switch, port), (host, "eth0")):
            sh(f"ip -n {where} link set dev {device} gso_max_segs 1")
            sh(f"ip -n {where} link set dev {device} up")
        sh(f"ip -n {switch} link set dev {port} master sw0")
        sh(f"ip -n {host} addr add {self.address(name)}/24 dev eth0")
        sh(f"ip -n {host} route add default via {GATEWAY}")

    def _tear_down(self) -> None:
        for name in [*self.names, "sw"]:
            with_name = self.namespace(name)
            subprocess.run(
                ["ip", "netns", "del", with_name],
                env={**os.environ, "PATH": SBIN + os.environ["PATH"]},
                capture_output=True,
                check=False,
            )
        self._scripts.cleanup()

    def run(self, name: str, *command: str) -> list[str]:
        """The argument vector that runs `command` on the host."""
        return ["ip", "netns", "exec", self.namespace(name), *command]

    def lose(self, name: str, per_mille: int) -> None:
        """Drop that share of the UDP datagrams the host receives, at random."""
        host = self.namespace(name)
        sh(f"ip netns exec {host} nft add table inet loss")
        sh(
            f"ip netns exec {host} nft 'add chain inet loss in"
            " { type filter hook input priority 0 ; }'"
        )
        sh(
            f"ip netns exec {host} nft add rule inet loss in meta l4proto udp"
            f" numgen random mod 1000 '<' {per_mille} counter drop"
        )

    def cut(self, name: str, other: str) -> None:
        """Nothing of `other` reaches the host any more, and the other way round."""
        for here, there in ((name, other), (other, name)):
            inside = f"ip netns exec {self.namespace(here)} nft"
            sh(f"{inside} add table inet cut")
            sh(
                f"{inside} 'add chain inet cut in"
                " { type filter hook input priority 0 ; }'"
            )
            sh(f"{inside} add rule inet cut in ip saddr {self.address(there)} drop")

    def mend(self, name: str, other: str) -> None:
        """Undo every `cut` of the two hosts."""
        for here in (name, other):
            sh(f"ip netns exec {self.namespace(here)} nft delete table inet cut")

    def limit(self, name: str, bitrate_bps: int, queue_bytes: int = 60_000) -> None:
        """Squeeze what the host receives through a token bucket with a queue."""
        port = f"p{self.names.index(name)}"
        sh(
            f"tc -n {self.namespace('sw')} qdisc replace dev {port} root tbf"
            f" rate {bitrate_bps}bit burst 3000 limit {queue_bytes}"
        )

    def release(self, name: str) -> None:
        """Undo `limit`."""
        port = f"p{self.names.index(name)}"
        sh(f"tc -n {self.namespace('sw')} qdisc del dev {port} root")

    def queue_bytes(self, name: str) -> int:
        """What waits in the host's token bucket at this moment."""
        port = f"p{self.names.index(name)}"
        text = sh(f"tc -n {self.namespace('sw')} -s qdisc show dev {port}")
        backlog = text.split("backlog", 1)[1].split()[0].rstrip("b")
        return int(float(backlog.rstrip("K")) * (1024 if "K" in backlog else 1))

    def wrapper(self, name: str, program: str) -> Path:
        """An executable that runs `program` on the host, for launchers."""
        path = Path(self._scripts.name) / f"{name}-{Path(program).name}"
        path.write_text(
            f'#!/bin/sh\nexec ip netns exec {self.namespace(name)} {program} "$@"\n'
        )
        path.chmod(0o755)
        return path
