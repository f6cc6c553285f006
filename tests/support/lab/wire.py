"""The wire: joins namespaces by TUN devices with delay, jitter, loss, rate and cuts.

A program of its own, started by `wiring.py`, because its clock must not wait for what
the test does; it asks for real-time scheduling for the same reason.  One device per
namespace ("port"); the kernel hands over whole IP packets, segmented, with checksums.
A packet goes by its destination address to another port, over a `Way` of that ordered
pair: lost, or queued behind the way's rate, or due `delay` + a part of `jitter` later,
never overtaking its elders.  Everything is counted: bytes with IP headers, by pair and
kind (RFC 7983 tells STUN, DTLS and RTP apart), RTP by pair and SSRC.

Commands are JSON lines on descriptor 0, each answered by one line on descriptor 1.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections import Counter
from typing import Any

from support.lab.namespaces import inside

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
DEVICE = "eth0"
BURST = 32
"""Packets read from one port before others have a turn."""

PACKET_MAX = 65_536
SSRCS_MAX = 4096
"""(pair, SSRC) that are counted apart; the rest is only counted by pair."""

LATE_STEP_S = 50e-6
ICMP, TCP, UDP = 1, 6, 17


def open_tun(namespace: str) -> int:
    """A descriptor of a fresh TUN device `DEVICE` in the namespace."""
    with inside(namespace):
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(descriptor, TUNSETIFF, request)
    return descriptor


def kind_of(packet: bytes) -> str:
    """What an IPv4 packet carries; by RFC 7983 what a UDP datagram of media is."""
    protocol = packet[9]
    if protocol == ICMP:
        return "icmp"
    if protocol == TCP:
        return "tcp"
    at = 4 * (packet[0] & 15) + 8
    if protocol != UDP or len(packet) <= at:
        return "other"
    first = packet[at]
    if first < 4:
        return "stun"
    if 20 <= first < 64:
        return "dtls"
    if 128 <= first < 192:
        return "rtcp" if 192 <= packet[at + 1] < 224 else "rtp"
    return "other"


class Way:
    """One direction between two ports."""

    __slots__ = (
        *("delay_s", "jitter_s", "loss", "rate_bps", "queue_bytes", "is_open"),
        *("free_at", "last_due", "packets", "octets", "lost", "queued_out"),
    )

    def __init__(self) -> None:
        self.delay_s = self.jitter_s = self.loss = 0.0
        self.rate_bps = 0
        self.queue_bytes = 60_000
        self.is_open = True
        self.free_at = self.last_due = 0.0
        self.packets: Counter[str] = Counter()
        self.octets: Counter[str] = Counter()
        self.lost = self.queued_out = 0

    def due(self, size: int, now: float, chance: float) -> float | None:
        """When a packet that comes now arrives; None when the queue is full."""
        start = now
        if self.rate_bps:
            start = max(now, self.free_at)
            if (start - now) * self.rate_bps > self.queue_bytes * 8:
                return None
            start = self.free_at = start + size * 8 / self.rate_bps
        due = start + self.delay_s + self.jitter_s * chance
        self.last_due = due = max(due, self.last_due)
        return due


class Wire:
    """All ports and ways."""

    def __init__(self, ports: dict[str, str], addresses: dict[str, list[str]]) -> None:
        self.names = list(ports)
        self.files = [open_tun(namespace) for namespace in ports.values()]
        self.at: dict[bytes, int] = {}
        for name, owned in addresses.items():
            for address in owned:
                self.at[socket.inet_aton(address)] = self.names.index(name)
        count = len(self.names)
        self.ways = [[Way() for _ in range(count)] for _ in range(count)]
        self.hushed: set[int] = set()
        self.sources: Counter[tuple[int, int, int]] = Counter()
        self.late: Counter[int] = Counter()
        self.delivered = self.strays = 0
        self._flying: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._chance = random.Random(1).random
        self._began = time.monotonic(), time.process_time()

    # -- packets -----------------------------------------------------------------------

    def run(self) -> None:
        """Until the input ends."""
        port_of = {file: index for index, file in enumerate(self.files)}
        watched = [0, *self.files]
        while True:
            wait_s = None
            if self._flying:
                wait_s = max(self._flying[0][0] - time.monotonic(), 0)
            readable, _, _ = select.select(watched, [], [], wait_s)
            for file in readable:
                if file == 0:
                    if not self._command():
                        return
                else:
                    self._drain(port_of[file], file)
            self._deliver()

    def _drain(self, port: int, file: int) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(BURST):
                self._accept(port, os.read(file, PACKET_MAX), time.monotonic())

    def _accept(self, port: int, packet: bytes, now: float) -> None:
        if packet[0] >> 4 != 4:  # router solicitations of IPv6 and the like
            return
        target = self.at.get(packet[16:20])
        if target is None or target == port:
            self.strays += 1
            return
        kind = kind_of(packet)
        if port in self.hushed and kind in ("icmp", "tcp"):
            return
        way = self.ways[port][target]
        way.packets[kind] += 1
        way.octets[kind] += len(packet)
        if kind == "rtp":
            self._count_source(port, target, packet)
        if not way.is_open or (way.loss and self._chance() < way.loss):
            way.lost += 1
            return
        due = way.due(len(packet), now, self._chance() if way.jitter_s else 0.0)
        if due is None:
            way.queued_out += 1
            return
        self._count += 1
        heapq.heappush(self._flying, (due, self._count, target, packet))

    def _count_source(self, port: int, target: int, packet: bytes) -> None:
        at = 4 * (packet[0] & 15) + 16
        ssrc = int.from_bytes(packet[at : at + 4], "big")
        key = port, target, ssrc
        if key in self.sources or len(self.sources) < SSRCS_MAX:
            self.sources[key] += 1

    def _deliver(self) -> None:
        flying = self._flying
        now = time.monotonic()
        while flying and flying[0][0] <= now:
            due, _, target, packet = heapq.heappop(flying)
            # a device that is down or full loses packets, as any other
            with contextlib.suppress(OSError):
                os.write(self.files[target], packet)
            now = time.monotonic()
            self.late[int((now - due) / LATE_STEP_S)] += 1
            self.delivered += 1

    # -- commands ----------------------------------------------------------------------

    def _command(self) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        order: dict[str, Any] = json.loads(line)
        answer = getattr(self, "do_" + order.pop("do"))(**order) or {}
        print(json.dumps({"at": time.time(), **answer}), flush=True)
        return True

    def do_ways(self, ways: list[dict[str, Any]]) -> None:
        """Set some values of some ways, all at one instant."""
        for values in ways:
            way = self.ways[self.names.index(values.pop("source"))][
                self.names.index(values.pop("target"))
            ]
            for name, value in values.items():
                setattr(way, name, value)

    def do_hush(self, names: list[str]) -> None:
        """Only these ports: the kernel's own ICMP and TCP does not get out."""
        self.hushed = {self.names.index(name) for name in names}

    def do_address(self, address: str, name: str | None) -> None:
        """An address belongs to a port from now on, or to none."""
        packed = socket.inet_aton(address)
        if name is None:
            self.at.pop(packed, None)
        else:
            self.at[packed] = self.names.index(name)

    def do_reset(self) -> None:
        """Counters start anew."""
        for row in self.ways:
            for way in row:
                way.packets.clear()
                way.octets.clear()
                way.lost = way.queued_out = 0
        self.sources.clear()
        self.late.clear()
        self.delivered = self.strays = 0
        self._began = time.monotonic(), time.process_time()

    def do_counters(self) -> dict[str, Any]:
        """Everything counted since the last reset."""
        pairs = [
            {
                "source": self.names[a],
                "target": self.names[b],
                "packets": dict(way.packets),
                "octets": dict(way.octets),
                "lost": way.lost,
                "queued_out": way.queued_out,
            }
            for a, row in enumerate(self.ways)
            for b, way in enumerate(row)
            if way.packets
        ]
        sources = [
            [self.names[a], self.names[b], ssrc, count]
            for (a, b, ssrc), count in self.sources.items()
        ]
        return {"pairs": pairs, "sources": sources, "wire": self._own()}

    def _own(self) -> dict[str, float]:
        lasted_s = max(time.monotonic() - self._began[0], 1e-9)
        return {
            "lasted_s": lasted_s,
            "cpu_share": (time.process_time() - self._began[1]) / lasted_s,
            "packets_per_s": self.delivered / lasted_s,
            "strays": self.strays,
            **{f"late_p{q}_ms": self._late_ms(q / 100) for q in (50, 99, 100)},
        }

    def _late_ms(self, share: float) -> float:
        """How late packets were let go, by the wire's own clock."""
        left = share * self.delivered
        for step, count in sorted(self.late.items()):
            left -= count
            if left <= 0:
                return round((step + 1) * LATE_STEP_S * 1000, 2)
        return 0.0


def main() -> None:
    """`python -m support.lab.wire PLAN`: run one."""
    plan = json.loads(sys.argv[1])
    wire = Wire(plan["ports"], plan["addresses"])
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    print(json.dumps({"ready": True}), flush=True)
    wire.run()


if __name__ == "__main__":
    main()
