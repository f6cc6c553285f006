"""The vectors of RFC 0009, made by our code from the cases below.

`python tests/support/directory_vectors.py` writes them anew, for when a rule was
changed on purpose; the test compares, and checks signatures with another library.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgpack

from meshproto.config.directory import DirectoryConfig
from meshproto.config.gossip import DIRECTORY_TOPIC
from meshproto.events import Event
from meshproto.gossip.directory import Directory
from meshproto.gossip.state import Delivery
from meshproto.ids import StreamName
from meshproto.outputs import Outbox, Send
from meshproto.wire.control import directory as d
from meshproto.wire.control import schema
from support.control_vectors import plain
from support.gossip_vectors import key_of, node_of, seed_of, sign, verify

FOLDER = Path(__file__).resolve().parents[2] / "rfcs" / "vectors" / "directory"
EPOCH_MS = 1_800_000_000_000
EXPIRES_MS = EPOCH_MS + 30 * 86_400_000
Json = dict[str, Any]

MEDIA = d.Media(
    False,
    (
        d.Track("audio", d.TrackKind.AUDIO, "opus", 48_000, "useinbandfec=1", ()),
        d.Track(
            "video",
            d.TrackKind.VIDEO,
            "vp8",
            90_000,
            "",
            (
                d.Layer("q", 150_000, 320, 180, 15.0),
                d.Layer("f", 2_500_000, 1_280, 720, 30.0),
            ),
        ),
    ),
)


def claim(name: str, origin: str, counter: int) -> d.Claim:
    key = key_of("claim").public_key().public_bytes_raw()
    bare = d.Claim(key, StreamName(name), node_of(origin), counter, EXPIRES_MS)
    return replace(bare, signature=sign("claim", bare.signed_part()))


def notice(
    held: d.Claim, origin: str, version: int, media: bytes, epoch: int = EPOCH_MS
) -> d.Notice:
    body = d.build_body(d.Body(held, epoch, version, 990, media))
    bare = d.Notice(body, b"x")
    return replace(bare, signature=sign(origin, bare.signed_part()))


def cases() -> list[tuple[str, str, d.Notice]]:
    """In the order in which they are heard: about, author, notice."""
    octets = d.build_media(MEDIA)
    first, second = claim("room", "alpha", 1), claim("room", "beta", 2)
    good = notice(first, "alpha", 3, octets)
    later = msgpack.packb([*msgpack.unpackb(good.body)[:2], 4, 990, octets, "new"])
    appended = d.Notice(later, sign("alpha", b"meshnode notice 1" + later))
    return [
        ("a stream", "alpha", good),
        ("an older version", "alpha", notice(first, "alpha", 2, b"")),
        ("a field of a later version at the end", "alpha", appended),
        ("the same stream at another node", "beta", notice(second, "beta", 1, octets)),
        ("the loser's next refresh", "alpha", notice(first, "alpha", 9, octets)),
        ("its end", "beta", notice(second, "beta", 2, b"")),
        ("a late notice from before the end", "beta", notice(second, "beta", 1, b"")),
        ("by somebody else", "beta", notice(claim("x", "alpha", 1), "alpha", 9, b"")),
        (
            "not signed by its origin",
            "alpha",
            notice(claim("x", "alpha", 1), "beta", 9, b""),
        ),
        (
            "not claimed",
            "alpha",
            notice(replace(claim("x", "alpha", 1), counter=7), "alpha", 9, b""),
        ),
        ("no body", "alpha", d.Notice(b"\xc1", b"x")),
    ]


def directory(box: Outbox, me: str = "delta") -> Directory:
    return Directory(
        node_of(me),
        EPOCH_MS,
        DirectoryConfig(),
        box,
        random.Random(1),
        partial(sign, me),
        verify,
        lambda data, now: None,
    )


def drained(box: Outbox) -> list[Any]:
    found = []
    while (output := box.poll()) is not None:
        found.append(output)
    return found


def described(made: d.Notice) -> Json:
    try:
        body = d.parse_body(made.body)
    except d.DecodeError as error:
        return {"refused": error.reason}
    told = {"body": plain(body), "stream": body.claim.stream.hex()}
    if body.media:
        told["media"] = plain(d.parse_media(body.media))
    return {**told, "rank": d.rank(body, made.body).hex()}


def notices() -> Json:
    box = Outbox()
    known = directory(box)
    steps = []
    for number, (about, author, made) in enumerate(cases()):
        data = d.build_notices([made])
        message_id = node_of(author) + (number + 1).to_bytes(8, "big")
        told = Delivery(DIRECTORY_TOPIC, data, node_of(author), message_id)
        verdict = known.deliver(told, 10.0 * number)
        events = [str(type(e).__name__) for e in drained(box) if isinstance(e, Event)]
        steps.append(
            {
                "about": about,
                "author": node_of(author).hex(),
                "message": data.hex(),
                "notice": described(made),
                "verdict": verdict.value,
                "events": events,
            }
        )
    seeds = {name: seed_of(name).hex() for name in ("claim", "alpha", "beta")}
    return {"seeds": seeds, "heard_in_order": steps}


def comparison() -> Json:
    """Two tables compared: what each end sends, in order."""
    octets = d.build_media(MEDIA)
    boxes = {"alpha": Outbox(), "beta": Outbox()}
    ends = {name: directory(box, name) for name, box in boxes.items()}
    names = {"alpha": ("a", "b"), "beta": ("b", "c")}
    for end, streams in names.items():
        for number, name in enumerate(streams):
            version = 5 if (end, name) == ("beta", "b") else 1
            made = notice(claim(name, "gamma", 1), "gamma", version, octets)
            told = Delivery(
                DIRECTORY_TOPIC,
                d.build_notices([made]),
                node_of("gamma"),
                bytes(7) + bytes((number + 1,)),
            )
            ends[end].deliver(told, 0.0)
        drained(boxes[end])
    for end, other in (("alpha", "beta"), ("beta", "alpha")):
        ends[end].neighbour_up(node_of(other), end == "alpha", 10.0)
    said = []
    for _ in range(4):
        for end, other in (("alpha", "beta"), ("beta", "alpha")):
            for output in drained(boxes[end]):
                if isinstance(output, Send):
                    packed = msgpack.packb(schema.encode(output.record))
                    said.append({"from": end, "record": packed.hex()})
                    ends[other].receive(node_of(end), output.record, 10.0)  # type: ignore[arg-type]
    assert ends["alpha"].digest() == ends["beta"].digest()
    return {
        "nodes": {name: node_of(name).hex() for name in names},
        "said": said,
        "sum": ends["alpha"].digest().hex(),
    }


FILES = {"notices.json": notices, "comparison.json": comparison}


def load(name: str) -> Json:
    found: Json = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1) + "\n"
        (FOLDER / name).write_text(text, encoding="utf-8")
