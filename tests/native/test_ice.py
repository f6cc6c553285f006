"""Both lite agents, given the same datagrams and clocks, tell and keep the same."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from meshproto.errors import LimitError, StateError
from meshproto.ice.bucket import PrefixBucket
from meshproto.ice.lite import IceLite
from meshproto.ice.path import IceConfig, IceEvent, PathSelected
from meshproto.ice.server import StunServer
from meshproto.ids import TransportId
from meshproto.wire import stun
from meshproto.wire import stun_binding as binding
from support import vectors

native = pytest.importorskip("meshnode._native", reason="extension is not built")

KEY = bytes(range(16))
VECTORS = Path(__file__).resolve().parents[2] / "rfcs/vectors/media/stun.json"
TRANSPORTS = 4
HOSTS = ("192.0.2.1", "198.51.100.1", "2001:db8::1")
Address = tuple[str, int]


def told(event: IceEvent | None) -> tuple[Any, ...] | None:
    if event is None:
        return None
    if isinstance(event, PathSelected):
        return ("selected", event.transport, *event.address, 0.0, False)
    return ("silent", event.transport, "", 0, event.silence_s, event.expired)


class Pair:
    """The reference and the Rust agent; every verb goes to both and is compared."""

    def __init__(self, limits: tuple[float, int] = (32.0, 64), **sizes: int) -> None:
        config = IceConfig(**sizes)
        bucket = PrefixBucket(KEY, rate_per_s=limits[0], burst=limits[1])
        self.lite = IceLite(StunServer(bucket), config)
        self.rust = native.ice.IceLite(
            (KEY, *limits, None),
            (
                config.transports,
                config.addresses_per_transport,
                config.remembered_checks,
            ),
        )

    def credentials(self, verb: str, transport: int, *given: str) -> None:
        refused = None
        try:
            getattr(self.lite, verb)(TransportId(transport), *given)
        except (StateError, LimitError) as error:
            refused = type(error)
        if refused is None:
            getattr(self.rust, verb)(transport, *given)
            return
        reasons = "Full" if refused is LimitError else "Transport|Taken|Credentials"
        with pytest.raises(ValueError, match=reasons):
            getattr(self.rust, verb)(transport, *given)

    def remove(self, transport: int) -> None:
        self.lite.remove(TransportId(transport))
        self.rust.remove(transport)

    def receive(self, datagram: bytes, address: Address, now: float, local: int) -> Any:
        reply, event = self.lite.receive(datagram, address, now, local)
        answer, news = self.rust.receive(datagram, address, now, local)
        assert (bytes(answer) if answer is not None else None) == reply
        assert news == told(event)
        return reply, event

    def arrives(self, kind: str, address: Address, octets: int, now: float) -> None:
        """What the packet path does with a datagram (see `meshproto.ice.lite`)."""
        known = self.rust.arrives(kind, address, octets, now)
        remote = self.lite.by_address.get(address)
        assert known == (remote is not None)
        if remote is None:
            return
        path = remote.path
        if kind == "dtls":
            path.received_dtls(remote, octets)
            return
        if path.proving:
            path.received(remote, octets)
        if kind == "media":
            remote.heard = now
            if path.proving:
                path.prove(remote)

    def handshake_done(self, transport: int) -> None:
        path = self.lite.path(TransportId(transport))
        if path is not None:
            path.handshake_done()
        self.rust.handshake_done(transport)

    def may_send(self, transport: int, octets: int) -> None:
        path = self.lite.path(TransportId(transport))
        assert (path is None) == (self.rust.state(transport) is None)
        if path is not None:
            granted = self.lite.may_send(TransportId(transport), octets)
            assert self.rust.may_send(transport, octets) == granted

    def handle_timeout(self, now: float) -> None:
        expected = [told(event) for event in self.lite.handle_timeout(now)]
        assert self.rust.handle_timeout(now) == expected

    def compare(self) -> None:
        """Everything that an owner can see."""
        assert self.rust.next_timeout() == self.lite.next_timeout()
        assert self.rust.addresses == len(self.lite.by_address)
        assert self.rust.refused == self.lite.refused
        assert self.rust.server_refused == self.lite.server.refused
        assert self.rust.answered == self.lite.server.answered
        for transport in range(TRANSPORTS + 1):
            path = self.lite.path(TransportId(transport))
            state = self.rust.state(transport)
            if path is None:
                assert state is None
                continue
            address, proving, expired, remotes = state
            assert (address, proving, expired) == (
                path.address,
                path.proving,
                path.expired,
            )
            assert remotes == [(*r.address, r.heard) for r in path.remotes.values()]


class Story:
    """One random life of a media port."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        limits = self.random.choice(((32.0, 64), (1.0, 2)))
        self.pair = Pair(
            limits,
            transports=TRANSPORTS - 1,
            addresses_per_transport=3,
            remembered_checks=self.random.choice((1, 8)),
        )
        self.now = 1000.0
        self.known: list[tuple[str, str]] = [("none", "n" * 22)]
        self.sent: list[bytes] = []

    def address(self) -> Address:
        return self.random.choice(HOSTS), self.random.randint(1, 3)

    def transport(self) -> int:
        return self.random.randint(0, TRANSPORTS)

    def adds(self) -> None:
        self.gives_credentials("add")

    def restarts(self) -> None:
        self.gives_credentials("restart")

    def gives_credentials(self, verb: str) -> None:
        draw = self.random
        ufrag = (
            f"uf{len(self.known):04}"
            if draw.random() < 0.8
            else draw.choice(("none", "abc", "a:bc", self.known[-1][0]))
        )
        pwd = ufrag * 6 if draw.random() < 0.9 else "short"
        theirs = draw.choice(("", "them"))
        self.pair.credentials(verb, self.transport(), ufrag, pwd, theirs)
        self.known.append((ufrag, pwd))

    def removes(self) -> None:
        if self.random.random() < 0.3:
            self.pair.remove(self.transport())

    def checks(self) -> None:
        draw = self.random
        ufrag, pwd = draw.choice(self.known[-6:])
        datagram = binding.request(
            draw.randbytes(12),
            username=draw.choice((f"{ufrag}:them",) * 6 + (ufrag, None)),
            key=draw.choice((pwd.encode(),) * 8 + (b"wrong" * 5, None)),
            controlled=draw.choice((None,) * 9 + (5,)),
            use_candidate=draw.random() < 0.4,
            extra=draw.choice(((),) * 9 + (((0x7001, b"x"),),)),
            fingerprint=draw.random() < 0.8,
        )
        self.sent.append(datagram)
        self.arrives(datagram)

    def repeats(self) -> None:
        if self.sent:
            self.arrives(self.random.choice(self.sent[-20:]))

    def asks_plainly(self) -> None:
        self.arrives(binding.request(self.random.randbytes(12)))

    def makes_noise(self) -> None:
        noise = self.random.randbytes(8)
        self.arrives(self.random.choice((noise, stun.encode(0x0101, bytes(12), b""))))

    def arrives(self, datagram: bytes) -> None:
        local = self.random.randint(0, 1)
        self.pair.receive(datagram, self.address(), self.now, local)

    def sends(self) -> None:
        kind = self.random.choice(("media", "forged", "dtls"))
        octets = self.random.randint(20, 1200)
        self.pair.arrives(kind, self.address(), octets, self.now)

    def shakes_hands(self) -> None:
        self.pair.handshake_done(self.transport())

    def is_sent_to(self) -> None:
        self.pair.may_send(self.transport(), self.random.randint(1, 3000))

    def waits(self) -> None:
        self.now += self.random.choice((0.01, 0.3, 1.0, 2.9, 3.0, 5.0, 12.0, 31.0))
        self.pair.handle_timeout(self.now)

    def goes_on(self) -> None:
        steps = [self.adds, self.restarts, self.removes, self.makes_noise]
        steps += [self.asks_plainly, self.shakes_hands, self.waits, self.waits]
        steps += [self.repeats, self.sends, self.is_sent_to, self.sends] * 2
        steps += [self.checks] * 12
        self.random.choice(steps)()
        self.pair.compare()


@pytest.mark.parametrize("seed", range(40))
def test_agents_live_the_same_life(seed: int) -> None:
    story = Story(seed)
    for _ in range(500):
        story.goes_on()


def test_lives_are_full_of_everything() -> None:
    """The stories above would prove nothing if nothing happened in them."""
    met: set[str] = set()
    for seed in range(10):
        story = Story(seed)
        for _ in range(500):
            story.goes_on()
        met |= set(story.pair.lite.refused) | set(story.pair.lite.server.refused)
        met |= {"answered"} if story.pair.lite.server.answered else set()
    reasons = "half ufrag integrity unknown role expired replayed address-taken"
    assert met >= {f"ice-{reason}" for reason in reasons.split()}
    assert met >= {"answered", "stun-rate", "stun-not-a-request", "stun-short"}


@pytest.mark.parametrize(
    "scenario", json.loads(VECTORS.read_text())["scenarios"], ids=lambda s: s["name"]
)
def test_vectors_of_rfc_0002(scenario: dict[str, Any]) -> None:
    lite = native.ice.IceLite((bytes(16), 32.0, 64, None), (8, 16, 64))
    names = ("local_ufrag", "local_pwd", "remote_ufrag")
    lite.add(1, *(scenario[name] for name in names))
    for step in scenario["steps"]:
        datagram, (host, port) = bytes.fromhex(step["datagram"]), step["from"]
        reply, event = lite.receive(datagram, (host, port), step["at_s"], 0)
        assert (bytes(reply).hex() if reply is not None else None) == step["reply"]
        selected = event is not None and event[0] == "selected"
        assert (["selected", *event[2:4]] if selected else None) == step["event"]
        address = lite.state(1)[0]
        assert (list(address) if address else None) == step["sends_to"]


@pytest.mark.parametrize("data", list(vectors.bad_inputs("stun")))
def test_bad_messages_change_nothing(data: bytes) -> None:
    pair = Pair()
    pair.credentials("add", 1, "ufrag", "p" * 22)
    _, event = pair.receive(data, ("192.0.2.1", 1), 0.0, 0)
    assert event is None
    pair.compare()
    assert pair.rust.addresses == 0
