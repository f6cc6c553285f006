"""Opens the node's WHIP and WHEP doors for light clients by the shortest offers."""

from __future__ import annotations

import secrets
from urllib.parse import urljoin

import aiohttp

from meshproto.wire.sdp.parse import parse
from support.light_client import IDENTITY, LightClient, Remote

ICE_PWD_BYTES = 16
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"


def offer(ufrag: str, direction: str, ssrc: int | None) -> str:
    """A description with one video and one audio section and nothing optional but
    NACK, PLI and two header extensions.
    """
    head = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
    ]
    common = [
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{secrets.token_hex(ICE_PWD_BYTES)}",
        f"a=fingerprint:sha-256 {IDENTITY.fingerprint}",
        "a=setup:active",
        "a=rtcp-mux",
        f"a={direction}",
        f"a=extmap:1 {MID}",
        f"a=extmap:2 {SEND_TIME}",
    ]
    video = ["m=video 9 UDP/TLS/RTP/SAVPF 96 97", *common, "a=mid:0"]
    video += ["a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli"]
    video += ["a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"]
    audio = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", *common, "a=mid:1"]
    audio += ["a=rtpmap:111 opus/48000/2"]
    if ssrc is not None:
        video.append(f"a=ssrc:{ssrc} cname:bench")
        audio.append(f"a=ssrc:{ssrc + 1} cname:bench")
    return "\r\n".join([*head, *video, *audio, ""])


class Door:
    """One door of one node: makes connected light clients and takes them away."""

    def __init__(self, http: aiohttp.ClientSession, url: str, key: str = "") -> None:
        self._http = http
        self._url = url
        self._headers = {"Content-Type": "application/sdp"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    async def enter(
        self, direction: str, *, ssrc: int | None = None, decrypt_every: int = 0
    ) -> tuple[LightClient, str]:
        """POST an offer and connect; the client and its session's URL.

        Raises `RuntimeError` with the node's words when it refuses.
        """
        ufrag = secrets.token_hex(4)
        body = offer(ufrag, direction, ssrc)
        async with self._http.post(
            self._url, data=body, headers=self._headers
        ) as answer:
            text = await answer.text()
            if answer.status != 201:
                raise RuntimeError(f"{answer.status}: {text}")
            session = urljoin(self._url, answer.headers["Location"])
        remote, address = _remote(text)
        client = LightClient(address, remote, ufrag=ufrag, decrypt_every=decrypt_every)
        await client.connect()
        return client, session

    async def leave(self, client: LightClient, session: str) -> None:
        """End the session as a well-behaved client does."""
        async with self._http.delete(session, headers=self._headers) as answer:
            await answer.read()
        client.close()


def _remote(text: str) -> tuple[Remote, tuple[str, int]]:
    media = parse(text).media[0]
    candidate = media.candidates[0]
    fingerprint = media.fingerprints[0].value
    remote = Remote(media.ice_ufrag, media.ice_pwd, fingerprint)
    return remote, (candidate.address, candidate.port)
