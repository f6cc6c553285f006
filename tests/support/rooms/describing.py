"""A light member's half of the descriptions: short offers, and what answers say.

All sections share one transport.  The first two send, the others receive what the node
puts into them; which track that is, its answer says (`a=msid`, `a=ssrc`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from bench.doors import OPUS, VP8, remote_of
from bench.load import SEND_SSRC
from meshproto.wire import extensions
from meshproto.wire.sdp.model import Media
from meshproto.wire.sdp.parse import parse
from support.light_client import IDENTITY, Remote

AUDIO_LEVEL_ID = 4
MID_ID, RID_ID = 1, 2
_KINDS = {"video": (VP8, "VP8/90000"), "audio": (OPUS, "opus/48000/2")}


@dataclass(frozen=True, slots=True)
class Answer:
    """The node's half: where it is, and the tracks it sends by SSRC."""

    remote: Remote
    address: tuple[str, int]
    tracks: dict[int, str]


@dataclass(slots=True)
class Describing:
    """Writes the offers of one member, each with all sections so far."""

    ufrag: str = field(default_factory=lambda: secrets.token_hex(4))
    pwd: str = field(default_factory=lambda: secrets.token_hex(16))
    kinds: list[str] = field(default_factory=list)
    sending: int = 0
    settled: int = 0
    layers: tuple[str, ...] = ()
    _mids: dict[int, str] = field(default_factory=dict)
    _number: int = field(default_factory=lambda: secrets.randbits(60))
    _version: int = 0

    def send(self, *kinds: str) -> None:
        """The first sections are for what the member sends."""
        self.kinds += kinds
        self.sending = len(self.kinds)

    def receive(self, each: int) -> bool:
        """Have that many sections of each kind to receive in; whether some are new."""
        wanted = {kind: self.kinds[: self.sending].count(kind) for kind in _KINDS}
        lacking = [
            kind
            for kind in _KINDS
            for _ in range(each + wanted[kind] - self.kinds.count(kind))
        ]
        self.kinds += lacking
        return bool(lacking)

    def agreed(self) -> None:
        """The last offer was answered: its sections stay."""
        self.settled = len(self.kinds)

    def offer(self) -> str:
        """The next offer."""
        return self._described(["recvonly"] * len(self.kinds))

    def answer(self, offer: str) -> str:
        """The answer to an offer of the node, which may have sections of its own; what
        only an offer of ours had that was not answered counts for nothing.
        """
        sections = parse(offer).media
        del self.kinds[self.settled :]
        for media in sections[len(self.kinds) :]:
            self.kinds.append(media.kind)
            self._mids[len(self.kinds) - 1] = media.mid or ""
        self.agreed()
        return self._described(
            ["recvonly" if media.direction.sends else "inactive" for media in sections]
        )

    def _described(self, directions: list[str]) -> str:
        self._version += 1
        names = [self._mids.get(n, str(n)) for n in range(len(self.kinds))]
        lines = ["v=0", f"o=- {self._number} {self._version} IN IP4 127.0.0.1", "s=-"]
        lines += ["t=0 0", f"a=group:BUNDLE {' '.join(names)}"]
        for place, direction in enumerate(directions):
            sends = place < self.sending
            way = "sendonly" if sends else direction
            lines += self._section(names[place], self.kinds[place], way)
        return "\r\n".join([*lines, ""])

    def _section(self, mid: str, kind: str, direction: str) -> list[str]:
        number, encoding = _KINDS[kind]
        sends = direction == "sendonly"
        lines = [f"m={kind} 9 UDP/TLS/RTP/SAVPF {number}", "c=IN IP4 0.0.0.0"]
        lines += [f"a=ice-ufrag:{self.ufrag}", f"a=ice-pwd:{self.pwd}"]
        lines += [f"a=fingerprint:sha-256 {IDENTITY.fingerprint}", "a=setup:active"]
        lines += ["a=rtcp-mux", f"a=mid:{mid}", f"a=rtpmap:{number} {encoding}"]
        lines.append(f"a={direction}")
        if kind == "video":
            lines.append(f"a=rtcp-fb:{number} nack pli")
        elif sends:
            lines.append(f"a=extmap:{AUDIO_LEVEL_ID} {extensions.AUDIO_LEVEL}")
        return [*lines, *self._names(kind)] if sends else lines

    def _names(self, kind: str) -> list[str]:
        if kind == "audio" and self.layers:
            return []  # SSRCs are drawn where packets are made
        if not self.layers:
            return [f"a=ssrc:{SEND_SSRC[kind]} cname:light"]
        told = [f"a=extmap:{MID_ID} {extensions.MID}"]
        told += [f"a=extmap:{RID_ID} {extensions.RID}"]
        told += [f"a=rid:{rid} send" for rid in self.layers]
        return [*told, f"a=simulcast:send {';'.join(self.layers)}"]


def read(text: str) -> Answer:
    """What an answer, or an offer, of the node says."""
    remote, address = remote_of(text)
    tracks = {}
    for media in parse(text).media:
        if media.direction.sends and media.live:
            tracks.update(dict.fromkeys(_ssrcs(media), _track(media)))
    return Answer(remote, address, tracks)


def _ssrcs(media: Media) -> list[int]:
    return [facts.ssrc for facts in media.ssrcs]


def _track(media: Media) -> str:
    return (media.msid or "").partition(" ")[2]
