"""A stranger shouting at a media port: a datagram of each kind every two milliseconds.

Run beside the clients, as root: `attacker.py ADDRESS[,ADDRESS] PORT KIND...` with the
addresses that node and clients share; it prints one JSON object when its input is
closed.  It listens on the loopback device, as somebody in the
same network would, so that what it forges is as near to genuine as it can be:

    hello   ClientHellos as a client would send, with the cipher suites replaced by
            NULL ones, and a few octets turned
    alert   fatal alerts and close_notify, unprotected
    rtp     RTP with the SSRC, payload type and number of streams that are running
    check   connectivity checks with the user name of one just seen and a wrong MAC
    replay  checks just seen, octet for octet

It never owns an address a client uses: it sends from another address of the machine
(127.0.0.2) and, every other time, from the clients' own addresses and ports that are
not theirs.
"""

from __future__ import annotations

import ctypes
import json
import random
import secrets
import select
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable

from OpenSSL import SSL

EVERY_S = 0.002
STRANGER = "127.0.0.2"
PORTS_OF_NEIGHBOUR = 8
USERNAME = 0x0006
MAGIC = 0x2112A442
ETHERTYPE_IPV4 = 0x0800
ETHERNET_BYTES = 14
RECEIVE_MAX = 64
LATELY_S = 0.3
SO_ATTACH_FILTER = 26  # not in the socket module
NOBODYS_CHECK = bytes.fromhex("000100102112a442") + bytes(12)
NOBODYS_CHECK += bytes.fromhex("0006000c") + b"nobody:there"
NULL_SUITES = b"\x00\x01\x00\x02\x00\x3b\x00\xb9\xc0\x06\xc0\x10"


def client_hello() -> bytes:
    """One record with a real client's first flight."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80")
    connection = SSL.Connection(context, None)
    connection.set_ciphertext_mtu(1200)
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(4096)
    raise RuntimeError("a handshake without a peer")


def suites(hello: bytes) -> slice:
    """Where the cipher suites of a ClientHello lie (RFC 6347 section 4.2.1)."""
    at = 13 + 12 + 2 + 32  # record, handshake header, version, random
    at += 1 + hello[at]  # session id
    at += 1 + hello[at]  # cookie
    return slice(at + 2, at + 2 + int.from_bytes(hello[at : at + 2], "big"))


class Heard:
    """What others send on loopback to the port: user names, checks, RTP headers."""

    def __init__(self, port: int, ours: frozenset[int]) -> None:
        self.checks: deque[tuple[float, bytes]] = deque(maxlen=64)
        self.headers: dict[bytes, bytes] = {}
        self._ours = ours
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_IPV4)
        )
        self._only_udp_to(port)
        self._socket.bind(("lo", ETHERTYPE_IPV4))
        self._socket.setblocking(False)

    def _only_udp_to(self, port: int) -> None:
        """A filter in the kernel: media *from* the port would be a flood of its own."""
        program = (
            (0x30, 0, 0, ETHERNET_BYTES + 9),  # load the protocol
            (0x15, 0, 4, socket.IPPROTO_UDP),
            (0xB1, 0, 0, ETHERNET_BYTES),  # X = length of the IP header
            (0x48, 0, 0, ETHERNET_BYTES + 2),  # load the destination port
            (0x15, 0, 1, port),
            (0x06, 0, 0, 0xFFFF),
            (0x06, 0, 0, 0),
        )
        code = ctypes.create_string_buffer(
            b"".join(struct.pack("HBBI", *step) for step in program)
        )
        filters = struct.pack("HL", len(program), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filters)

    def listen(self, wait_s: float) -> None:
        """Take in what came, waiting at most so long for something."""
        if not select.select([self._socket], [], [], max(wait_s, 0))[0]:
            return
        for _ in range(RECEIVE_MAX):
            try:
                frame, where = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            # loopback shows every frame twice, going out and coming in
            if where[2] == socket.PACKET_OUTGOING:
                continue
            segment = frame[ETHERNET_BYTES + 4 * (frame[ETHERNET_BYTES] & 15) :]
            if int.from_bytes(segment[:2], "big") not in self._ours:
                self._note(segment[8:])

    def _note(self, datagram: bytes) -> None:
        if len(datagram) >= 28 and datagram[:2] == b"\x00\x01":
            if user_name(datagram):
                self.checks.append((time.monotonic(), datagram))
        elif is_rtp(datagram):
            self.headers[datagram[8:12]] = datagram[:12]

    def a_check(self, random: random.Random) -> bytes:
        """A check of a client that is probably still there, or one of nobody's."""
        lately = time.monotonic() - LATELY_S
        while len(self.checks) > 1 and self.checks[0][0] < lately:
            self.checks.popleft()
        return random.choice(self.checks)[1] if self.checks else NOBODYS_CHECK


def is_rtp(datagram: bytes) -> bool:
    """RTP and not RTCP (RFC 5761 section 4)."""
    head = datagram[:12]
    return len(head) == 12 and head[0] >> 6 == 2 and not 64 <= head[1] & 127 <= 95


def user_name(request: bytes) -> bytes:
    """The USERNAME of a STUN request, "" without one."""
    at = 20
    while at + 4 <= len(request):
        kind, size = struct.unpack_from("!HH", request, at)
        if kind == USERNAME:
            return request[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    return b""


class Arsenal:
    """Makes the next datagram of each kind."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self._hello = client_hello()
        self._random = random.Random(7)
        self.kinds: dict[str, Callable[[], bytes]] = {
            "hello": self._null_hello,
            "alert": self._alert,
            "rtp": self._rtp,
            "check": self._check,
            "replay": self._replay,
        }

    def _null_hello(self) -> bytes:
        hello = bytearray(self._hello)
        found = suites(self._hello)
        count = found.stop - found.start
        hello[found] = (NULL_SUITES * count)[:count]
        if self._random.random() < 0.25:
            hello[self._random.randrange(13, len(hello))] ^= (
                1 << self._random.randrange(8)
            )
        return bytes(hello)

    def _alert(self) -> bytes:
        level, what = self._random.choice([(2, 40), (2, 10), (2, 80), (1, 0), (2, 71)])
        number = self._random.randrange(4).to_bytes(8, "big")
        return b"\x15\xfe\xfd" + number + b"\x00\x02" + bytes((level, what))

    def _rtp(self) -> bytes:
        known = list(self.heard.headers.values())
        like = self._random.choice(known) if known else b"\x80\x60" + bytes(10)
        ahead = int.from_bytes(like[2:4], "big") + self._random.randrange(1, 40)
        head = b"\x80" + like[1:2] + (ahead & 0xFFFF).to_bytes(2, "big") + like[4:12]
        return head + self._random.randbytes(self._random.randrange(20, 1100))

    def _check(self) -> bytes:
        name = user_name(self._replay())
        body = struct.pack("!HH", USERNAME, len(name)) + name + bytes(-len(name) % 4)
        body += struct.pack("!HHI", 0x0024, 4, 1845501695)  # PRIORITY
        body += struct.pack("!HHQ", 0x802A, 8, 1)  # ICE-CONTROLLING
        body += struct.pack("!HH", 0x0025, 0)  # USE-CANDIDATE
        body += struct.pack("!HH", 0x0008, 20) + secrets.token_bytes(20)
        head = struct.pack("!HHI", 1, len(body), MAGIC) + secrets.token_bytes(12)
        return head + body

    def _replay(self) -> bytes:
        return self.heard.a_check(self._random)


def sockets(addresses: list[str]) -> list[socket.socket]:
    """Where to shout from: a stranger's address, and other ports of the clients'."""
    made = []
    for source in [STRANGER] + addresses * PORTS_OF_NEIGHBOUR:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        made.append(sock)
    return made


def main() -> None:
    """Shout until the input ends, then report."""
    shared, port, *kinds = sys.argv[1:]
    addresses = shared.split(",")
    target = (addresses[0], int(port))
    stranger, *neighbours = shouters = sockets(addresses)
    ours = frozenset(sock.getsockname()[1] for sock in shouters)
    arsenal = Arsenal(Heard(int(port), ours))
    sent: Counter[str] = Counter()
    rounds = 0
    began = due = time.monotonic()
    print("shouting", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        arsenal.heard.listen(due - time.monotonic())
        if time.monotonic() < due:
            continue
        due += EVERY_S
        rounds += 1
        source = neighbours[rounds // 2 % len(neighbours)] if rounds % 2 else stranger
        for kind in kinds:
            source.sendto(arsenal.kinds[kind](), target)
            sent[kind] += 1
    lasted_s = time.monotonic() - began
    every_ms = round(1000 * lasted_s / max(rounds, 1), 2)
    print(json.dumps({"sent": sent, "every_ms": every_ms}))


if __name__ == "__main__":
    main()
