"""Run by `test_sender` in a network namespace whose loopback takes 1280 octets."""

from __future__ import annotations

import json
import os
import socket
import sys

from meshnode.media.sender import Egress, Path, Sender


def burst(host: str, sizes: list[int]) -> dict[str, object]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as near,
        socket.socket(family, socket.SOCK_DGRAM) as far,
    ):
        near.bind((host, 0))
        near.setblocking(False)
        far.bind((host, 0))
        far.settimeout(20)
        path = Path(Sender(near), far.getsockname()[:2], [], Egress())
        packets = [(os.urandom(20), os.urandom(size - 20)) for size in sizes]
        path.send_burst([piece for packet in packets for piece in packet], sizes)
        arrived = [far.recv(65535) for _ in packets]
        return {
            "whole": arrived == [header + rest for header, rest in packets],
            "counters": path.sender.counters,
            "segment_limit": path.segment_limit,
            "gso": path.egress.gso,
        }


json.dump([burst(h, [1400] * 6) for h in ("127.0.0.1", "::1")], sys.stdout)
