"""A home router that maps ports: miniupnpd with nftables, in namespaces.

    outside 11.77.0.9 --- 11.77.0.1 router 192.0.2.1 --- 192.0.2.2 host

What nobody asked for is dropped on its way in, as at home; a mapping of miniupnpd is
the only way to the host.  (The outside is a public range that leads nowhere, because
miniupnpd refuses to work with any that is kept for documents.)  `within("host")` makes
sockets and threads of this process belong there, `run` gives the command line of a
program there.  Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.lab.hosts import Hosts
from support.lab.namespaces import SBIN, inside, sh

INSIDE, HOST = "192.0.2.1", "192.0.2.2"
OUTSIDE, STRANGER = "11.77.0.1", "11.77.0.9"

_RULES = """
table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "lan" accept
        jump miniupnpd
    }
    chain miniupnpd { }
    chain prerouting {
        type nat hook prerouting priority -100; policy accept;
        jump prerouting_miniupnpd
    }
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        jump postrouting_miniupnpd
        oifname "wan" masquerade
    }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
}
"""
_CONFIGURATION = """
ext_ifname=wan
listening_ip=lan
http_port=0
enable_natpmp={datagrams}
enable_upnp={upnp}
lease_file={folder}/leases
min_lifetime=10
max_lifetime={lifetime}
secure_mode=yes
uuid=0f0b1c2d-0000-4000-8000-000000000001
allow 1024-65535 192.0.2.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
ext_ip={outside}
"""


def require_miniupnpd() -> str:
    """The program, or a skipped test."""
    found = shutil.which("miniupnpd", path=SBIN + os.environ["PATH"])
    if found is None:
        pytest.skip("miniupnpd is not installed")
    return found


class Router(Hosts):
    """Three namespaces; `daemon()` starts the router's own program."""

    def __init__(self) -> None:
        super().__init__(["host", "router", "outside"])
        self._program = require_miniupnpd()
        self._daemon: subprocess.Popen[bytes] | None = None

    def _build(self) -> None:
        self._cable("router", "lan", INSIDE, "host", HOST)
        self._cable("router", "wan", OUTSIDE, "outside", STRANGER)
        sh(f"ip -n {self.namespace('host')} route add default via {INSIDE}")
        there = f"ip netns exec {self.namespace('router')}"
        sh(f"{there} sysctl -qw net.ipv4.ip_forward=1")
        rules = self.folder / "rules.nft"
        rules.write_text(_RULES)
        sh(f"{there} nft -f {rules}")

    def _tear_down(self) -> None:
        self.stop()
        super()._tear_down()

    def _cable(self, one: str, device: str, near: str, other: str, far: str) -> None:
        here, there = self.namespace(one), self.namespace(other)
        sh(f"ip -n {here} link add {device} type veth peer name eth0 netns {there}")
        for where, name, address in ((here, device, near), (there, "eth0", far)):
            sh(f"ip -n {where} addr add {address}/24 dev {name}")
            sh(f"ip -n {where} link set dev {name} up")

    def daemon(
        self,
        *,
        datagrams: bool = True,
        upnp: bool = True,
        outside: str = OUTSIDE,
        lifetime_s: int = 3600,
    ) -> None:
        """Start miniupnpd; `datagrams`: PCP and NAT-PMP."""
        folder = self.folder
        said = {True: "yes", False: "no"}
        (folder / "conf").write_text(
            _CONFIGURATION.format(
                datagrams=said[datagrams],
                upnp=said[upnp],
                folder=folder,
                lifetime=lifetime_s,
                outside=outside,
            )
        )
        command = self.run(
            "router", self._program, "-d", "-f", f"{folder}/conf", "-P", f"{folder}/pid"
        )
        with (folder / "log").open("wb") as log:
            self._daemon = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not self._listens(datagrams):
            if time.monotonic() > deadline or self._daemon.poll() is not None:
                raise AssertionError((folder / "log").read_text())
            time.sleep(0.02)

    def _listens(self, datagrams: bool) -> bool:
        port = ":5351" if datagrams else ":1900"
        return port in sh(f"ip netns exec {self.namespace('router')} ss -Hlun")

    def stop(self) -> None:
        """End miniupnpd; what it had mapped may stay."""
        if self._daemon is None:
            return
        self._daemon.terminate()
        try:
            self._daemon.wait(2)
        except subprocess.TimeoutExpired:  # it misses a signal between two waits
            self._daemon.kill()
            self._daemon.wait(10)
        self._daemon = None

    def mapped(self) -> list[str]:
        """The mappings that stand, as nftables shows them."""
        where = f"ip netns exec {self.namespace('router')}"
        chain = sh(f"{where} nft -n list chain inet filter prerouting_miniupnpd")
        return [line.strip() for line in chain.splitlines() if "dnat" in line]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """This thread, and the sockets it opens, are there meanwhile."""
        with inside(self.namespace(name)):
            yield
