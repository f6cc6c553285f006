"""Opens the node's WHIP and WHEP doors for light clients by the shortest offers."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp

from bench.load import PAYLOAD_TYPES, SEND_SSRC, Ages
from bench.viewer import TRANSPORT_SEQUENCE_ID, Viewer
from meshproto.wire import extensions
from meshproto.wire.sdp.parse import parse
from support.light_client import IDENTITY, LightClient, Remote

ICE_PWD_BYTES = 16
EXTENSIONS = (
    f"a=extmap:1 {extensions.MID}",
    f"a=extmap:2 {extensions.ABS_SEND_TIME}",
)
TRANSPORT_SEQUENCE = f"a=extmap:{TRANSPORT_SEQUENCE_ID} {extensions.TRANSPORT_SEQUENCE}"
OPUS, VP8 = PAYLOAD_TYPES["audio"], PAYLOAD_TYPES["video"]
RTX = 97


@dataclass(frozen=True, slots=True)
class Session:
    """A connected client and the URL that ends its session."""

    client: LightClient
    url: str


def offer(ufrag: str, direction: str, *, feedback: bool = False) -> str:
    """A description with one video and one audio section and nothing optional but
    NACK, RTX, PLI and two header extensions, with `feedback` transport-wide numbers.
    """
    lines = ["v=0", f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines.append("a=group:BUNDLE 0 1")
    common = ["c=IN IP4 0.0.0.0", f"a=ice-ufrag:{ufrag}"]
    common.append(f"a=ice-pwd:{secrets.token_hex(ICE_PWD_BYTES)}")
    common.append(f"a=fingerprint:sha-256 {IDENTITY.fingerprint}")
    common += ["a=setup:active", "a=rtcp-mux", f"a={direction}", *EXTENSIONS]
    common += [TRANSPORT_SEQUENCE] if feedback else []
    lines += [f"m=video 9 UDP/TLS/RTP/SAVPF {VP8} {RTX}", *common, "a=mid:0"]
    lines += [f"a=rtpmap:{VP8} VP8/90000", f"a=rtpmap:{RTX} rtx/90000"]
    lines += [f"a=fmtp:{RTX} apt={VP8}"]
    replies = ["nack", "nack pli"] + (["transport-cc"] if feedback else [])
    lines += [f"a=rtcp-fb:{VP8} {reply}" for reply in replies]
    if direction == "sendonly":
        lines.append(f"a=ssrc:{SEND_SSRC['video']} cname:bench")
    lines += [f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}", *common, "a=mid:1"]
    lines += [f"a=rtpmap:{OPUS} opus/48000/2"]
    lines += [f"a=rtcp-fb:{OPUS} transport-cc"] if feedback else []
    if direction == "sendonly":
        lines.append(f"a=ssrc:{SEND_SSRC['audio']} cname:bench")
    return "\r\n".join([*lines, ""])


class Door:
    """One door of one node: makes connected light clients and takes them away."""

    def __init__(self, http: aiohttp.ClientSession, url: str, key: str = "") -> None:
        self._http = http
        self._url = url
        self._headers = {"Content-Type": "application/sdp"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def publish(self) -> Session:
        """Connect as a publisher of one video and one audio track."""
        ufrag = secrets.token_hex(4)
        answer, url = await self._post(offer(ufrag, "sendonly"))
        client = LightClient(answer[1], answer[0], ufrag=ufrag, decrypt_every=0)
        await client.connect()
        return Session(client, url)

    async def view(self, ages: Ages, *, feedback: bool = False) -> Session:
        """Connect as a viewer."""
        ufrag = secrets.token_hex(4)
        answer, url = await self._post(offer(ufrag, "recvonly", feedback=feedback))
        remote, address = answer
        client = Viewer(address, remote, ufrag=ufrag, ages=ages, feedback=feedback)
        await client.connect()
        return Session(client, url)

    async def _post(self, body: str) -> tuple[tuple[Remote, tuple[str, int]], str]:
        """The node's half and the session's URL.

        Raises `RuntimeError` with the node's words when it refuses.
        """
        async with self._http.post(
            self._url, data=body, headers=self._headers
        ) as answer:
            text = await answer.text()
            if answer.status != 201:
                raise RuntimeError(f"{answer.status}: {text}")
            return remote_of(text), urljoin(self._url, answer.headers["Location"])

    async def leave(self, session: Session) -> None:
        """End the session as a well-behaved client does."""
        async with self._http.delete(session.url, headers=self._headers) as answer:
            await answer.read()
        session.client.close()


def remote_of(text: str) -> tuple[Remote, tuple[str, int]]:
    """A server's half of the connection, and its address, out of its answer."""
    media = parse(text).media[0]
    candidate = media.candidates[0]
    fingerprint = media.fingerprints[0].value
    remote = Remote(media.ice_ufrag, media.ice_pwd, fingerprint)
    return remote, (candidate.address, candidate.port)
