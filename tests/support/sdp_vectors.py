"""The vectors of RFC 0004: from the inputs of each file, what our code makes of them.

`python tests/support/sdp_vectors.py` writes the results into the files anew, for when
a rule was changed on purpose; the test only compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp import conference, counteroffer, play, publish
from meshproto.wire.sdp.candidate import parse_candidate
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.fragment import parse_fragment, restart_answer
from meshproto.wire.sdp.offer import read
from meshproto.wire.sdp.play import OutgoingTrack

FOLDER = Path(__file__).resolve().parents[2] / "rfcs" / "vectors" / "sdp"

Json = dict[str, Any]


def vectors() -> list[Path]:
    """Every vector; the folder's `local.json` is what they share."""
    return sorted(path for path in FOLDER.glob("*.json") if path.name != "local.json")


def load(path: Path) -> Json:
    """One vector as it stands."""
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def local_endpoint() -> LocalEndpoint:
    """Our end, the same in all vectors."""
    values = load(FOLDER / "local.json")
    candidates = tuple(parse_candidate(text) for text in values.pop("candidates"))
    return LocalEndpoint(candidates=candidates, **values)


def result(vector: Json) -> Json:
    """What our code makes of the inputs, in the words of the vectors."""
    try:
        return _DOORS[vector["door"]](vector)
    except DecodeError as error:
        return {"refused": error.reason, "detail": str(error)}


def _publish(vector: Json) -> Json:
    found = publish.answer(read(_text(vector["offer"])), local_endpoint())
    return {
        "answer": _lines(found.text),
        "tracks": [_plain(track) for track in found.tracks],
        "data": _plain(found.data),
        "remote": _remote(found.remote),
    }


def _play(vector: Json) -> Json:
    offer = read(_text(vector["offer"]))
    found = play.answer(offer, local_endpoint(), _outgoing(vector))
    return {
        "answer": _lines(found.text),
        "tracks": [_plain(track) for track in found.tracks],
        "data": _plain(found.data),
        "remote": _remote(found.remote),
    }


def _conference(vector: Json) -> Json:
    offer = read(_text(vector["offer"]))
    found = conference.answer(offer, local_endpoint(), _outgoing(vector))
    return {
        "answer": _lines(found.text),
        "incoming": [_plain(track) for track in found.incoming],
        "outgoing_tracks": [_plain(track) for track in found.outgoing],
        "unsent": [track.ssrc for track in found.unsent],
    }


def _counteroffer(vector: Json) -> Json:
    sent = counteroffer.offer(
        local_endpoint(), _outgoing(vector), send=play.WHEP_RULES, data=vector["data"]
    )
    found = counteroffer.accept(sent, _text(vector["answer_received"]))
    return {
        "offer_sent": _lines(sent.text),
        "tracks": [_plain(track) for track in found.tracks],
        "not_taken": [track.mid for track in found.refused],
        "remote": _remote(found.remote),
    }


def _fragment(vector: Json) -> Json:
    found = parse_fragment(_text(vector["fragment"]))
    return {
        "ufrag": found.ufrag,
        "pwd": found.pwd,
        "candidates": [[mid, str(candidate)] for mid, candidate in found.candidates],
        "end_of_candidates": found.end_of_candidates,
    }


def _restart(vector: Json) -> Json:
    answered = publish.answer(read(_text(vector["offer"])), local_endpoint())
    return {"fragment": _lines(restart_answer(local_endpoint(), answered.sections))}


_DOORS: dict[str, Callable[[Json], Json]] = {
    "publish": _publish,
    "play": _play,
    "conference": _conference,
    "counteroffer": _counteroffer,
    "fragment": _fragment,
    "restart": _restart,
}


def _outgoing(vector: Json) -> tuple[OutgoingTrack, ...]:
    return tuple(
        OutgoingTrack(
            **{
                **track,
                "kind": MediaKind(track["kind"]),
                "codecs": tuple(Codec(**codec) for codec in track["codecs"]),
            }
        )
        for track in vector["outgoing"]
    )


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def _lines(text: str) -> list[str]:
    return text.removesuffix("\r\n").split("\r\n")


def _remote(remote: RemoteEndpoint) -> Json:
    return {
        "ufrag": remote.ufrag,
        "our_dtls_role": remote.our_dtls_role.value,
        "fingerprints": [" ".join(found) for found in remote.fingerprints],
        "candidates": len(remote.candidates),
    }


def _plain(value: Any) -> Any:
    """A dataclass as JSON would hold it."""
    if value is None:
        return None
    text = json.dumps(asdict(value), default=_enum)
    return json.loads(text)


def _enum(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(type(value).__name__)


def regenerate() -> int:
    """Write the results into every vector; the number of files that changed."""
    changed = 0
    for path in vectors():
        vector = load(path)
        vector["expect"] = result(vector)
        text = json.dumps(vector, indent=1) + "\n"
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    sys.exit(f"{regenerate()} vectors changed")
