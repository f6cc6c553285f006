"""Ports for those who must say theirs before they have it.

They lie below the numbers that the system hands out by itself, or a socket of another
test might have got one before its node binds it.
"""

from __future__ import annotations

import random
import socket

FIRST, LAST = 20_000, 32_000
TRIES = 100
_chance = random.SystemRandom()


def free_port(host: str = "127.0.0.1") -> int:
    """One that is free for TCP and for UDP right now."""
    for _ in range(TRIES):
        port = _chance.randrange(FIRST, LAST)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            try:
                tcp.bind((host, port))
                udp.bind((host, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
