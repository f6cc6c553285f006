"""Hosts on the kernel's own switch, with loss and rate: for load that a wire of ours
would not carry, and for what is measured in the kernel's own queues.

A `Switched` is a bridge in a namespace of its own ("the internet", leading nowhere) to
which every host is joined, with a default route (browsers gather no candidates without
one).  The kernel here has no netem: loss is nftables `numgen` on the *receiving* side,
rate is `tbf` on the switch's port towards the host.  Segmentation offload is off on
every link, or one drop would take a whole burst.  Delay, jitter and cuts at an exact
moment are the wire's (`lab`).  Needs root.
"""

from __future__ import annotations

from support.lab.hosts import Hosts
from support.lab.namespaces import sh

GATEWAY = "10.77.0.254"
_HOOK = "{ type filter hook input priority 0 ; }"


class Switched(Hosts):
    """Namespaces `names`, each reachable from the others at `address(name)`."""

    def address(self, name: str) -> str:
        """The host's IPv4 address in the lab."""
        return f"10.77.0.{self.names.index(name) + 1}"

    def _port(self, name: str) -> str:
        return f"p{self.names.index(name)}"

    def _build(self) -> None:
        self._switch = self.namespace_beside("-switch")
        sh(f"ip -n {self._switch} link add name sw0 type bridge")
        sh(f"ip -n {self._switch} addr add {GATEWAY}/24 dev sw0")
        sh(f"ip -n {self._switch} link set dev sw0 up")
        for name in self.names:
            self._join(name)

    def _join(self, name: str) -> None:
        host, port = self.namespace(name), self._port(name)
        cable = f"link add name {port} type veth peer name eth0 netns {host}"
        sh(f"ip -n {self._switch} {cable}")
        for where, device in ((self._switch, port), (host, "eth0")):
            sh(f"ip -n {where} link set dev {device} gso_max_segs 1")
            sh(f"ip -n {where} link set dev {device} up")
        sh(f"ip -n {self._switch} link set dev {port} master sw0")
        sh(f"ip -n {host} addr add {self.address(name)}/24 dev eth0")
        sh(f"ip -n {host} route add default via {GATEWAY}")

    def _drop(self, name: str, table: str, rule: str) -> None:
        """What comes in at the host and matches the rule is lost from now on."""
        nft = f"ip netns exec {self.namespace(name)} nft"
        sh(f"{nft} add table inet {table}")
        sh(f"{nft} 'add chain inet {table} in {_HOOK}'")
        sh(f"{nft} add rule inet {table} in {rule} drop")

    def lose(self, name: str, per_mille: int) -> None:
        """Drop that share of the UDP datagrams the host receives, at random."""
        chance = f"numgen random mod 1000 '<' {per_mille}"
        self._drop(name, "loss", f"meta l4proto udp {chance} counter")

    def cut(self, name: str, other: str) -> None:
        """Nothing of `other` reaches the host any more, and the other way round."""
        for here, there in ((name, other), (other, name)):
            self._drop(here, "cut", f"ip saddr {self.address(there)}")

    def mend(self, name: str, other: str) -> None:
        """Undo every `cut` of the two hosts."""
        for here in (name, other):
            sh(f"ip netns exec {self.namespace(here)} nft delete table inet cut")

    def limit(self, name: str, bitrate_bps: int, queue_bytes: int = 60_000) -> None:
        """Squeeze what the host receives through a token bucket with a queue."""
        sh(
            f"tc -n {self._switch} qdisc replace dev {self._port(name)} root tbf"
            f" rate {bitrate_bps}bit burst 3000 limit {queue_bytes}"
        )

    def release(self, name: str) -> None:
        """Undo `limit`."""
        sh(f"tc -n {self._switch} qdisc del dev {self._port(name)} root")

    def queue_bytes(self, name: str) -> int:
        """What waits in the host's token bucket at this moment."""
        text = sh(f"tc -n {self._switch} -s qdisc show dev {self._port(name)}")
        backlog = text.split("backlog", 1)[1].split()[0].rstrip("b")
        return int(float(backlog.rstrip("K")) * (1024 if "K" in backlog else 1))
