"""Sends Binding requests from a million invented sources and counts what comes back.

Run in a namespace as root: `flood.py NODE PORT COUNT DEVICE`; prints one JSON object.
Sources are 198.18.0.0/15 (benchmarking, RFC 2544): 500 prefixes of /24 with 250 hosts
each, eight ports a host, every (address, port) pair once.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time

PREFIXES = 500
HOSTS = 250
PACE_HZ = 30_000
REQUEST = struct.pack("!HHI12s", 0x0001, 0, 0x2112A442, b"meshnodeflod")
ETHERTYPE_IPV4 = 0x0800
SO_RCVBUFFORCE = 33  # not in the socket module


def datagram(number: int, target: bytes, port: int) -> bytes:
    """An IPv4 packet (the kernel fills in checksum and length) with our request."""
    prefix = number % PREFIXES
    host = number // PREFIXES % HOSTS
    source_port = 1024 + number // (PREFIXES * HOSTS)
    source = bytes((198, 18 + prefix // 256, prefix % 256, host + 1))
    udp = struct.pack("!HHHH", source_port, port, 8 + len(REQUEST), 0) + REQUEST
    head = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0)
    return head + source + target + udp


def main() -> None:
    """Send, sniff, report."""
    node, port, count, device = (
        sys.argv[1],
        int(sys.argv[2]),
        int(sys.argv[3]),
        sys.argv[4],
    )
    target = socket.inet_aton(node)
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sniff = socket.socket(
        socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETHERTYPE_IPV4)
    )
    sniff.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
    sniff.bind((device, ETHERTYPE_IPV4))
    sniff.setblocking(False)
    answers = 0
    longest = 0
    answered: set[bytes] = set()

    def collect(wait_s: float) -> None:
        nonlocal answers, longest
        while select.select([sniff], [], [], wait_s)[0]:
            packet = sniff.recv(2048)
            if packet[12:16] == target and packet[9] == socket.IPPROTO_UDP:
                answers += 1
                longest = max(longest, len(packet))
                answered.add(packet[16:19])

    start = time.monotonic()
    for number in range(count):
        out.sendto(datagram(number, target, port), (node, 0))
        if number % 100 == 0:
            collect(0)
            ahead = start + number / PACE_HZ - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
    collect(1.0)
    report = {"sent": count, "answers": answers, "prefixes": len(answered)}
    report |= {"request_bytes": 28 + len(REQUEST), "answer_bytes": longest}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
