"""Small offers in the shape real clients write them, for tests of the doors.

They carry valid credentials and a fingerprint of nobody: enough for an answer, never
for a connection.  Tests that need media use `support.rtc`.
"""

from __future__ import annotations

import secrets

FINGERPRINT = ":".join(f"{byte:02X}" for byte in range(32))
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
CODECS = {
    "video": (("96", "VP8/90000"), ("97", "H264/90000")),
    "audio": (("111", "opus/48000/2"),),
}
H264 = (
    "a=fmtp:97 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
)


def offer(
    direction: str,
    kinds: tuple[str, ...] = ("video", "audio"),
    *,
    codecs: dict[str, tuple[tuple[str, str], ...]] | None = None,
    rids: tuple[str, ...] = (),
    data: bool = False,
) -> str:
    """An offer with one section per kind, all of them `direction`."""
    sections = [*kinds, "data"] if data else list(kinds)
    mids = " ".join(str(index) for index in range(len(sections)))
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {mids}",
    ]
    transport = [
        *credentials(),
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:actpass",
    ]
    for mid, kind in enumerate(sections):
        if kind == "data":
            lines += ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]
            lines += [
                "c=IN IP4 0.0.0.0",
                *transport,
                f"a=mid:{mid}",
                "a=sctp-port:5000",
            ]
        else:
            chosen = (codecs or CODECS)[kind]
            lines += _media(kind, mid, direction, chosen, transport)
            lines += _simulcast(rids) if kind == "video" and rids else []
    return "\r\n".join(lines) + "\r\n"


def _media(
    kind: str,
    mid: int,
    direction: str,
    codecs: tuple[tuple[str, str], ...],
    transport: list[str],
) -> list[str]:
    types = " ".join(number for number, _ in codecs)
    lines = [f"m={kind} 9 UDP/TLS/RTP/SAVPF {types}", "c=IN IP4 0.0.0.0", *transport]
    lines += [f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux", "a=rtcp-rsize"]
    for number, name in codecs:
        lines.append(f"a=rtpmap:{number} {name}")
        if kind == "video":
            lines += [f"a=rtcp-fb:{number} nack", f"a=rtcp-fb:{number} nack pli"]
        if name.startswith("H264"):
            lines.append(H264.replace(":97 ", f":{number} "))
    return lines


def _simulcast(rids: tuple[str, ...]) -> list[str]:
    lines = ["a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"]
    lines += ["a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"]
    lines += [f"a=rid:{rid} send" for rid in rids]
    return [*lines, f"a=simulcast:send {';'.join(rids)}"]


def credentials() -> list[str]:
    """Fresh ICE credentials as lines."""
    return [f"a=ice-ufrag:{secrets.token_hex(4)}", f"a=ice-pwd:{secrets.token_hex(12)}"]


def publish_offer(*kinds: str, **more: object) -> str:
    """What a publisher posts."""
    return offer("sendonly", kinds or ("video", "audio"), **more)  # type: ignore[arg-type]


def play_offer(*kinds: str, **more: object) -> str:
    """What a player posts."""
    return offer("recvonly", kinds or ("video", "audio"), **more)  # type: ignore[arg-type]


def trickle(sdp: str, *candidates: str) -> str:
    """A trickle fragment for the session that `sdp` opened."""
    lines = [line for line in sdp.splitlines() if line.startswith("a=ice-")][:2]
    lines += ["m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
    lines += candidates or ["a=candidate:1 1 udp 2130706431 192.0.2.9 40000 typ host"]
    return "\r\n".join([*lines, "a=end-of-candidates", ""])


def restart() -> str:
    """A fragment that asks for an ICE restart."""
    lines = [*credentials(), "m=video 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
    return "\r\n".join([*lines, ""])
