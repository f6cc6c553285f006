"""The vectors of RFC 0003: what a driver tells a forwarder, and all that comes back.

A vector is a list of steps.  Each holds the driver's calls with their times, then one
flush, then everything that was polled.  Random numbers are part of the file, so that a
plane in another language can be fed with the very same ones.

`python tests/support/forwarding_vectors.py` writes the files anew, for when a rule was
changed on purpose; the test replays them from the JSON alone.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from meshproto.forwarding import codec
from meshproto.forwarding.config import ForwardingConfig, RandomSource
from meshproto.forwarding.events import ForwardingEvent
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.outputs import Burst, Repeat, Resend
from meshproto.forwarding.relay_table import PlaneDelta, PlaneNotice
from meshproto.forwarding.table import TransportKind
from meshproto.ids import NodeId, TransportId

FOLDER = Path(__file__).resolve().parents[2] / "rfcs" / "vectors" / "forwarding"
RELAY = FOLDER.parent / "relay"

Json = dict[str, Any]


class Drawing:
    """A random source that notes what it gave."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.drawn: list[list[int]] = []

    def getrandbits(self, bits: int, /) -> int:
        """Some bits."""
        value = self._random.getrandbits(bits)
        self.drawn.append([bits, value])
        return value


class Drawn:
    """The same numbers once more; asking for others is an error."""

    def __init__(self, drawn: list[list[int]]) -> None:
        self._left = iter(drawn)

    def getrandbits(self, bits: int, /) -> int:
        """The next number of the vector."""
        asked, value = next(self._left)
        assert asked == bits
        return value


class Recorder(Forwarder):
    """A forwarder that notes its calls and their answers as steps of a vector."""

    def __init__(self, config: ForwardingConfig, source: RandomSource) -> None:
        super().__init__(config, source)
        self.steps: list[Json] = []
        self._calls: list[Json] = []

    def add_transport(
        self,
        transport: TransportId,
        kind: TransportKind,
        *,
        start_bitrate_bps: int = 0,
        node: NodeId | None = None,
    ) -> None:
        """Note and do."""
        call: Json = {"transport": transport, "kind": kind.value}
        if node is not None:
            call["node"] = node.hex()
        self._calls.append(call | {"start_bitrate_bps": start_bitrate_bps})
        super().add_transport(
            transport, kind, start_bitrate_bps=start_bitrate_bps, node=node
        )

    def measured(self, transport: TransportId, rtt_s: float | None) -> None:
        """Note and do."""
        self._calls.append({"transport": transport, "rtt_s": rtt_s})
        super().measured(transport, rtt_s)

    def set_sending(self, transport: TransportId, sending: bool, now: float) -> None:
        """Note and do."""
        self._note(now, transport=transport, sending=sending)
        super().set_sending(transport, sending, now)

    def program(self, delta: PlaneDelta, now: float) -> None:
        """Note and do."""
        self._note(now, program=codec.plain(delta))
        super().program(delta, now)

    def receive_rtp(self, transport: TransportId, packet: bytes, now: float) -> None:
        """Note and do."""
        self._note(now, transport=transport, rtp=packet.hex())
        super().receive_rtp(transport, packet, now)

    def receive_rtcp(self, transport: TransportId, packet: bytes, now: float) -> None:
        """Note and do."""
        self._note(now, transport=transport, rtcp=packet.hex())
        super().receive_rtcp(transport, packet, now)

    def handle_timeout(self, now: float) -> None:
        """Note and do."""
        self._note(now, timeout=True)
        super().handle_timeout(now)

    def flush(self, now: float) -> list[Burst]:
        """End a step; the polls that follow belong to it."""
        bursts = super().flush(now)
        calls, self._calls = self._calls, []
        self.steps.append({"calls": calls, "flush_s": now} | _told(bursts=bursts))
        return bursts

    def poll_rtcp(self) -> tuple[TransportId, bytes] | None:
        """Poll and note."""
        found = super().poll_rtcp()
        if found is not None:
            self._tell("rtcp", [found[0], found[1].hex()])
        return found

    def poll_resend(self) -> Resend | Repeat | None:
        """Poll and note."""
        found = super().poll_resend()
        if isinstance(found, Repeat):
            header, load, _, index = found.packet
            told = [found.transport, index, (header + load).hex()]
            self._tell("repeats", told)
        elif found is not None:
            self._tell("resends", found._asdict())
        return found

    def poll_event(self) -> ForwardingEvent | PlaneNotice | None:
        """Poll and note."""
        found = super().poll_event()
        if found is not None:
            fields = {
                key: value.hex() if isinstance(value, bytes) else value
                for key, value in asdict(found).items()
            }
            self._tell("events", {"event": type(found).__name__} | fields)
        return found

    def _note(self, now: float, **call: object) -> None:
        self._calls.append({"at_s": now} | call)

    def _tell(self, key: str, value: object) -> None:
        self.steps[-1].setdefault(key, []).append(value)


def _told(bursts: list[Burst]) -> Json:
    """Bursts with whole packets, each after its 48 bit index."""
    if not bursts:
        return {}
    plain = []
    for transport, consumer, packets, keep in bursts:
        told = [[index, (header + load).hex()] for header, load, _, index in packets]
        burst = {"transport": transport, "consumer": consumer, "keep": keep}
        plain.append(burst | {"packets": told})
    return {"bursts": plain}


def replayed(vector: Json) -> list[Json]:
    """What our forwarder makes of a vector's calls: the steps again."""
    random_source = Drawn(vector["random"])
    forwarder = Recorder(ForwardingConfig(**vector["config"]), random_source)
    for step in vector["steps"]:
        for call in step["calls"]:
            _call(forwarder, call)
        forwarder.flush(step["flush_s"])
        for poll in (forwarder.poll_resend, forwarder.poll_rtcp, forwarder.poll_event):
            while poll() is not None:
                pass
    return forwarder.steps


def check_replay(path: Path) -> None:
    """Our forwarder makes of a vector's calls what the vector says."""
    vector = load(path)
    for step, expected in zip(replayed(vector), vector["steps"], strict=True):
        assert step == expected


def check_deltas(path: Path) -> None:
    """The deltas of a vector survive bytes, and there are some."""
    calls = [call for step in load(path)["steps"] for call in step["calls"]]
    deltas = [call["program"] for call in calls if "program" in call]
    assert deltas
    for delta in deltas:
        read = codec.from_plain(delta)
        assert codec.decode(codec.encode(read)) == read
        assert codec.plain(read) == delta


def _call(forwarder: Forwarder, call: Json) -> None:
    match call:
        case {"program": delta, "at_s": now}:
            forwarder.program(codec.from_plain(delta), now)
        case {"transport": transport, "kind": kind, "start_bitrate_bps": start}:
            node = NodeId(bytes.fromhex(call["node"])) if "node" in call else None
            kind = TransportKind(kind)
            forwarder.add_transport(transport, kind, start_bitrate_bps=start, node=node)
        case {"transport": transport, "rtt_s": rtt_s}:
            forwarder.measured(transport, rtt_s)
        case {"transport": transport, "sending": sending, "at_s": now}:
            forwarder.set_sending(transport, sending, now)
        case {"transport": transport, "rtp": packet, "at_s": now}:
            forwarder.receive_rtp(transport, bytes.fromhex(packet), now)
        case {"transport": transport, "rtcp": packet, "at_s": now}:
            forwarder.receive_rtcp(transport, bytes.fromhex(packet), now)
        case {"timeout": True, "at_s": now}:
            forwarder.handle_timeout(now)
        case _:
            raise AssertionError(call)


def vectors() -> list[Path]:
    """Every vector of section 12."""
    return sorted(FOLDER.glob("*.json"))


def hops() -> list[Path]:
    """Every scenario of section 13: what one node between others does."""
    return sorted(RELAY.glob("hop-*.json"))


def load(path: Path) -> Json:
    """One vector as it stands."""
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def text_of(vector: Json) -> str:
    """The file of a vector: one line a step, so that differences can be read."""
    head = {key: value for key, value in vector.items() if key != "steps"}
    lines = [f" {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
    steps = ",\n".join("  " + json.dumps(step) for step in vector["steps"])
    return "\n".join(["{", *lines, ' "steps": [', steps, " ]", "}"]) + "\n"


def write(cases: dict[str, Callable[[], Json]], folder: Path = FOLDER) -> None:
    """Write the files of all cases anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in cases.items():
        (folder / f"{name}.json").write_text(text_of(case()), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from support.forwarding_cases import CASES
    from support.leg_cases import LEG_CASES

    write(CASES)
    write(LEG_CASES, RELAY)
